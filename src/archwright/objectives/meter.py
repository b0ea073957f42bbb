"""The seam of meters: from a network to a number, without training."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

from archwright.errors import UsageError
from archwright.objectives.direction import DIRECTIONS, Direction
from archwright.references import load_object
from archwright.registry import Entry, Registry
from archwright.spaces.build import arguments_of

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "METERS",
    "FunctionMeter",
    "Meter",
    "as_meter",
    "direction_of",
    "is_metered",
    "measure_by",
    "measure_cheap",
]

_CHEAP = 1.0
_HARDWARE = "archwright.hardware.meters"
_SIZES = ("params", "flops")


class Meter(ABC):
    """Measures a network that need not be trained: parameters, operations, latency, energy.

    Attributes:
        direction: Which way is better.
        seconds: About what one measurement takes. Meters under a second are asked before a network is trained, so
            that a network over a limit is never trained.
        exclusive: Whether it needs the machine for itself, as one that measures time does: it then waits for the
            trials that are running, and no other is begun meanwhile.
    """

    direction: Direction = Direction.MINIMIZE
    seconds: float = 0.0
    exclusive: bool = False

    @abstractmethod
    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The number of a network.

        Args:
            network: Built and sized. It must be left as it was.
            args: What the network is called with: `network(*args, **kwargs)` runs on two examples.
            kwargs: The arguments by keyword.
        """

    def measure_all(self, network: nn.Module, *args: Any, **kwargs: Any) -> Mapping[str, float]:
        """The number, and further ones that the same measurement gives.

        Returns:
            Endings of names to numbers; that with the empty ending is the meter's own, so that `{"": 3.1, "_iqr":
            0.2}` of a meter `latency_ms` are `latency_ms` and `latency_ms_iqr`.
        """
        return {"": self.measure(network, *args, **kwargs)}

    @property
    def measuring(self) -> Meter | None:
        """What measures the number that this one predicts; None of a meter that measures it itself."""
        return None

    @property
    def is_cheap(self) -> bool:
        """Whether it is asked before training."""
        return self.seconds < _CHEAP and not self.exclusive


@final
class FunctionMeter(Meter):
    """A function as a meter.

    Args:
        function: From the network and what it is called with, or from the network alone, to a number.
        direction: Which way is better.
        seconds: About what a call takes.
        exclusive: Whether it needs the machine for itself.
    """

    def __init__(
        self,
        function: Callable[..., float],
        *,
        direction: Direction | str = Direction.MINIMIZE,
        seconds: float = 0.0,
        exclusive: bool = False,
    ) -> None:
        self.function, self.direction = function, Direction(direction)
        self.seconds, self.exclusive = seconds, exclusive
        known = inspect.signature(function).parameters.values()
        needed = [p for p in known if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        self._takes_arguments = len(needed) > 1 or any(p.kind is p.VAR_POSITIONAL for p in known)

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """What the function gives."""
        return self.function(network, *args, **kwargs) if self._takes_arguments else self.function(network)


METERS = Registry[Meter, Entry](
    "meter",
    "archwright.meters",
    {
        "params": Entry(
            "archwright.objectives.params:Params", "trainable parameters; a shared one counts once"
        ),
        "flops": Entry(
            "archwright.objectives.flops:Flops",
            "floating-point operations for one example, two for each multiply-accumulate",
        ),
        "macs": Entry(
            "archwright.objectives.flops:Macs", "multiply-accumulates for one example, half of flops"
        ),
        "latency_ms": Entry(
            f"{_HARDWARE}:latency_ms",
            "milliseconds of one call: the median of many on this machine, or predicted from a file",
        ),
        "memory": Entry(
            f"{_HARDWARE}:Memory", "most bytes of activations that are alive at once, for one example"
        ),
        "energy": Entry(
            f"{_HARDWARE}:Energy", "joules for one example; without a counter an estimate, marked as one"
        ),
        "size": Entry(f"{_HARDWARE}:Size", "bytes of weights and buffers"),
        "int8_size": Entry(f"{_HARDWARE}:Int8Size", "bytes of weights after quantisation to INT8"),
    },
)
"""The meters known by name; the name of a meter is that of its objective."""


def direction_of(name: str) -> Direction | None:
    """Which way a metric that is known by name is better; None where none is."""
    return DIRECTIONS.get(name) or (METERS.make(name).direction if name in METERS else None)


def is_metered(metric: str) -> bool:
    """Whether a metric is what a meter known by name says, or what it says beside its own number."""
    return metric in METERS or any(metric.startswith(f"{name}_") for name in METERS)


def as_meter(given: Any, options: Mapping[str, Any] | None = None) -> Meter:
    """A meter from what a user gives.

    Args:
        given: A meter, a class of one without options, a function from a network to a number, or a reference to one of
            these: a key of `METERS`, `file.py:object` or `module:object`.
        options: Of one that a name or a reference to a class stands for.

    Raises:
        UsageError: When it is none of these, or has other options.
    """
    if given == "":
        raise UsageError(
            "the meter was made in the script or notebook that began the run, and cannot be found from elsewhere; "
            "define it in a file of its own and import it from there"
        )
    if isinstance(given, str):
        registry, reference = METERS, given
        if given not in METERS:
            given = load_object(given)
            registry = Registry[Meter, Entry]("meter", None, {reference: Entry(reference)})
        if isinstance(given, str) or (inspect.isclass(given) and issubclass(given, Meter)):
            return registry.make(reference, options=options)
    if options:
        raise UsageError(
            f"the meter {given!r} takes no options, got {', '.join(options)}; options are for the meters of "
            "`archwright list meters` and for classes of a file"
        )
    if inspect.isclass(given) and issubclass(given, Meter):
        return given()
    if isinstance(given, Meter):
        return given
    if not callable(given):
        raise UsageError(f"expected a meter or a function from a network to a number, got {given!r}")
    return FunctionMeter(given)


def measure_by(meters: Mapping[str, Meter], network: nn.Module, example: Any) -> dict[str, float]:
    """What several meters say of one network.

    Args:
        meters: Name to meter.
        network: A network whose lazy modules, if any, already have their size.
        example: A batch of inputs, shape (N, ...) with N >= 1, or a pair (args, kwargs) of what it is called with.

    Returns:
        Name to number, in the order of the meters, with what a meter says beside its own number (`measure_all`).
    """
    args, kwargs = arguments_of(example)
    found = {
        name + ending: value
        for name, meter in meters.items()
        for ending, value in meter.measure_all(network, *args, **kwargs).items()
    }
    # A count stays a whole number, in JSON too.
    return {name: value if isinstance(value, int) else float(value) for name, value in found.items()}


def measure_cheap(network: nn.Module, example: Any) -> dict[str, float]:
    """How large a network is.

    Args:
        network: A network whose lazy modules, if any, already have their size.
        example: A batch of inputs, shape (N, ...) with N >= 1, or a pair (args, kwargs) of what it is called with.

    Returns:
        "params", and "flops" for one example.
    """
    return measure_by({name: METERS.make(name) for name in _SIZES}, network, example)
