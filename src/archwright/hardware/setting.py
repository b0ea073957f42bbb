"""How a network is run where it will be used, and a network made ready to run so."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from archwright.errors import ExportError, UsageError
from archwright.evaluating import evaluating
from archwright.spaces.build import first_of

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Precision", "Run", "Runtime", "Setting", "repeated"]

Runtime = Literal["eager", "compile", "onnxruntime"]
Precision = Literal["32-true", "bf16-true", "16-true", "bf16-mixed", "16-mixed", "int8"]
Run = Callable[[], Any]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_INT8: Precision = "int8"
_TYPES = {"32": "float32", "bf16": "bfloat16", "16": "float16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a network is run where it will be used.

    Args:
        batch: Examples in a call.
        precision: As in a recipe: "32-true", "bf16-true", "16-true", "bf16-mixed" or "16-mixed"; in onnxruntime also
            "int8", quantised as by `int8_network`.
        threads: Threads on the CPU, for one operation.
        runtime: "eager" (torch as it is), "compile" (`torch.compile`) or "onnxruntime".
        device: "cpu", "cuda", "mps", or "auto": an accelerator where there is one. onnxruntime runs on the CPU.

    Raises:
        UsageError: When two of them do not go together.
    """

    batch: int = 1
    precision: Precision = "32-true"
    threads: int = 1
    runtime: Runtime = "eager"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.batch < 1 or self.threads < 1:
            raise UsageError(f"expected batch and threads >= 1, got {self.batch} and {self.threads}")
        for name, kind in (("precision", Precision), ("runtime", Runtime)):
            if (given := getattr(self, name)) not in get_args(kind):
                raise UsageError(f"{name}: expected one of {', '.join(get_args(kind))}, got {given!r}")
        if self.precision == _INT8 and self.runtime != "onnxruntime":
            raise UsageError(
                f"the precision int8 runs in onnxruntime, got the runtime {self.runtime}; take the runtime onnxruntime"
            )
        if self.runtime == "onnxruntime" and (
            self.precision not in ("32-true", _INT8) or self.device not in ("auto", "cpu")
        ):
            raise UsageError(
                f"onnxruntime runs in the precision 32-true or int8 on the CPU, got {self.precision} on "
                f"{self.device}; take the runtime eager or compile"
            )

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)

    @property
    def place(self) -> torch.device:
        """The device that is meant.

        Raises:
            UsageError: When torch finds none of that name.
        """
        import torch

        name = self.device
        if name == "auto":
            usable = self.runtime != "onnxruntime" and torch.accelerator.is_available()
            return (
                torch.accelerator.current_accelerator() or torch.device("cpu")
                if usable
                else torch.device("cpu")
            )
        try:
            torch.empty(1, device=name)
        except Exception as error:
            told = str(error).partition("\n")[0]
            raise UsageError(f"device: expected one that torch can use, got {name!r}: {told}") from error
        return torch.device(name)

    @contextlib.contextmanager
    def fixed(self) -> Iterator[None]:
        """Torch's threads as the setting says, inside a block."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextlib.contextmanager
    def prepare(self, network: nn.Module, example: Any) -> Iterator[Run]:
        """A copy of a network that is ready to run, as a call that returns when its result is there.

        Args:
            network: Left as it is.
            example: A batch of inputs, shape (N, ...), or a pair (args, kwargs); the first is repeated `batch` times.

        Raises:
            UsageError: When the example has no examples that could be repeated, or the device is unknown.
            MissingExtraError: When onnxruntime is not installed.
            ExportError: When the network cannot be run in the runtime.
        """
        import torch
        from torch.utils._pytree import tree_map

        place, precision = self.place, "32-true" if self.precision == _INT8 else self.precision
        bits, form = precision.split("-")
        kind = getattr(torch, _TYPES[bits])
        dtype = kind if form == "true" else torch.float32

        def sent(leaf: Any) -> Any:
            if not isinstance(leaf, torch.Tensor):
                return leaf
            return leaf.to(place, dtype if leaf.is_floating_point() else leaf.dtype)

        copied = copy.deepcopy(network).to(place, dtype)
        args, kwargs = tree_map(sent, repeated(example, self.batch))
        with self.fixed(), evaluating(copied), torch.autocast(place.type, kind, enabled=form == "mixed"):
            if self.runtime == "onnxruntime":
                from archwright.hardware.onnx_runtime import onnx_run

                yield onnx_run(copied, (args, kwargs), self.threads, int8=self.precision == _INT8)
            elif self.runtime == "compile":
                with _compiled(copied) as compiled:
                    yield _settled(compiled, args, kwargs, place)
            else:
                yield _settled(copied, args, kwargs, place)


def _settled(called: Any, args: Any, kwargs: Any, place: torch.device) -> Run:
    """A call that waits for an accelerator, which has not computed yet when a call of its returns."""
    import torch

    if place.type == "cpu":
        return lambda: called(*args, **kwargs)

    def run() -> Any:
        found = called(*args, **kwargs)
        torch.accelerator.synchronize(place)
        return found

    return run


@contextlib.contextmanager
def _compiled(network: nn.Module) -> Iterator[Any]:
    """A network behind `torch.compile`, whose bounded store of compiled code is emptied afterwards."""
    import torch
    from torch._dynamo.exc import BackendCompilerFailed, InternalTorchDynamoError, Unsupported

    compiled = torch.compile(network, dynamic=False)
    try:
        yield compiled
    except (BackendCompilerFailed, InternalTorchDynamoError, Unsupported) as error:
        told = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ExportError(
            f"torch.compile cannot compile this network here: {told}; it needs a C++ compiler, g++ or clang++; or take "
            "the runtime eager"
        ) from error
    finally:
        torch.compiler.reset()


def repeated(example: Any, batch: int) -> Arguments:
    """The first example of a batch, repeated.

    Args:
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
        batch: How often.

    Returns:
        Tensors of shape (batch, ...) with memory of their own, as a pair (args, kwargs). Arguments that are no tensors
        of one length, such as a graph's, are returned as they are.

    Raises:
        UsageError: When those are to be repeated.
    """
    args, kwargs = first_of(example)
    values = [*args, *kwargs.values()]
    is_one = bool(values) and all(getattr(value, "ndim", 0) and len(value) == 1 for value in values)
    if batch > 1 and not is_one:
        raise UsageError(
            f"batch={batch}: the arguments of the network are not tensors of one length, so there is no example to "
            "repeat; leave batch at 1, which calls the network once on what it is given"
        )
    if not is_one:
        return args, kwargs

    def grown(value: Any) -> Any:
        return value.repeat(batch, *[1] * (value.ndim - 1))

    return tuple(map(grown, args)), {name: grown(value) for name, value in kwargs.items()}
