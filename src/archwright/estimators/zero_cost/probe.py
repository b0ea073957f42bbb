"""One network at its beginning, and what several proxies read off it: each pass is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from archwright.errors import TrialError
from archwright.estimators.zero_cost.recording import Layer, Layers, Patterns
from archwright.learning.layout import channels_last_pays
from archwright.learning.randomness import forked_rng
from archwright.tasks import Task
from archwright.tasks.batches import tensors_in

__all__ = ["Probe", "Weights", "amounts", "product"]

Weights = dict[str, Tensor]
"""Name of a parameter to its value."""

_FIRST_ORDER = {"grad_norm", "plain", "snip", "fisher", "zico"}
_PATTERNS = {"naswot", "swap", "te_nas"}
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class Probe:
    """A network as it was built, two minibatches, and what proxies have in common, computed when it is first asked for.

    Nothing of it changes the network: parameters and buffers of every pass are copies, or not written to. Random
    numbers of a pass follow from the seed alone, so that a proxy is the same alone and beside others.

    Args:
        network: With the weights that it was built with, on its device.
        task: Runs it and gives the loss.
        batches: Two, with different examples; one where no proxy reads a second.
        few: Fewer examples, for what costs a pass for each of them.
        wanted: The proxies that are going to be asked for.
        seed: Of what is drawn.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        batches: Sequence[Any],
        *,
        few: Any = None,
        wanted: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        self.network, self.task, self.batches, self.seed = network, task, list(batches), seed
        self.few = self.batches[0] if few is None else few
        self.wanted = frozenset(wanted)
        self._channels_last = channels_last_pays(network)
        self.weights = {
            name: self._placed(parameter.detach()).requires_grad_(parameter.requires_grad)
            for name, parameter in network.named_parameters()
        }

    @property
    def matrices(self) -> Weights:
        """The weights that connect units: of convolutions, linear layers and embeddings, not biases nor norms.

        Raises:
            TrialError: When there are none.
        """
        found = {name: w for name, w in self.weights.items() if w.requires_grad and w.ndim > 1}
        if not found:
            raise TrialError(
                "the network has no weights to be trained, so it has no gradients to score it by"
            )
        return found

    def run(
        self,
        batch: Any,
        weights: Mapping[str, Tensor] | None = None,
        *modes: TorchFunctionMode,
        training: bool = True,
        double: bool = False,
        inputs: Callable[[Tensor], Tensor] | None = None,
        as_given: bool = False,
    ) -> Any:
        """Run the network.

        Args:
            batch: What it is run on.
            weights: Parameters; None takes those that it was built with.
            modes: Entered while it runs.
            training: Whether it is in training mode.
            double: Whether buffers have 64 bits, and whatever the network makes while it runs.
            inputs: Changes each tensor that the network is called with.
            as_given: Whether inputs stay in memory as they are.
        """
        buffers = {name: b.detach().clone() for name, b in self.network.named_buffers()}
        if double:
            buffers = {name: b.double() if b.is_floating_point() else b for name, b in buffers.items()}
        values = {**(self.weights if weights is None else weights), **buffers}

        def network(*args: Any, **kwargs: Any) -> Any:
            if inputs is not None:
                args, kwargs = _changed(args, inputs), _changed(kwargs, inputs)
            if not as_given:
                args, kwargs = _changed(args, self._placed), _changed(kwargs, self._placed)
            return functional_call(self.network, values, args, kwargs)

        self.network.train(training)
        with forked_rng(self.network, self.seed), ExitStack() as stack:
            if double:
                stack.callback(torch.set_default_dtype, torch.get_default_dtype())
                torch.set_default_dtype(torch.float64)
            for mode in modes:
                stack.enter_context(mode)
            return self.task.forward(network, batch)

    def _placed(self, tensor: Tensor) -> Tensor:
        """With the channels last in memory where that is faster."""
        if not self._channels_last or tensor.ndim != 4:
            return tensor
        return tensor.contiguous(memory_format=torch.channels_last)

    @cached_property
    def examples(self) -> int:
        """How many examples the first batch has."""
        return len(next(tensors_in(self.task.arguments(self.batches[0]))))

    @cached_property
    def _first(self) -> tuple[Any, list[Tensor], Patterns, Layers]:
        """The pass on the first batch: outputs, inputs that take gradients, what was seen."""
        entered: list[Tensor] = []

        def take(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point() or "jacob_cov" not in self.wanted:
                return tensor
            entered.append(tensor.detach().clone().requires_grad_())
            return entered[-1] * 1.0  # a leaf could not be written to in place

        patterns, layers = Patterns(self.examples), Layers()
        modes = [patterns] * bool(_PATTERNS & self.wanted) + [layers] * ("fisher" in self.wanted)
        with torch.set_grad_enabled(bool((_FIRST_ORDER | {"jacob_cov"}) & self.wanted)):
            outputs = self.run(self.batches[0], None, *modes, inputs=take)
        return outputs, entered, patterns, layers

    @property
    def outputs(self) -> Any:
        """What the network gives for the first batch."""
        return self._first[0]

    @property
    def inputs(self) -> list[Tensor]:
        """What it was called with, as leaves of the graph of gradients; empty where inputs are symbols."""
        return self._first[1]

    def patterns(self, proxy: str) -> list[Tensor]:
        """See `Patterns`: one of the shape (examples, units) a rectifier.

        Args:
            proxy: Who asks.

        Raises:
            TrialError: When the network has none.
        """
        found = self._first[2].found
        if not found:
            raise TrialError(f"{proxy} is not defined for this network: it has no ReLU")
        return found

    def agreement(self, proxy: str) -> Tensor:
        """In how many units of the rectifiers each two examples agree; shape (examples, examples), 64 bits.

        Args:
            proxy: Who asks.

        Raises:
            TrialError: When the network has none.
        """
        self.patterns(proxy)
        return self._agreement

    @cached_property
    def _agreement(self) -> Tensor:
        kernel = torch.zeros(self.examples, self.examples, dtype=torch.float64)
        for pattern in self._first[2].found:
            active = pattern.float()  # whole numbers below 2^24 are exact
            count = active.sum(1)
            agree = 2 * (active @ active.T) + pattern.shape[1] - count[:, None] - count[None, :]
            kernel += agree.double().cpu()
        return kernel

    @cached_property
    def _gradients(self) -> tuple[Weights, list[tuple[Layer, list[Tensor]]]]:
        """The gradients of the loss on the first batch: of the weights, and of the layers' outputs."""
        loss = self._loss(self.outputs, self.batches[0])
        matrices, layers = self.matrices, list(self._first[3].found.values())
        targets = [*matrices.values(), *(output for layer in layers for output in layer.outputs)]
        found = torch.autograd.grad(loss, targets, retain_graph=True, allow_unused=True)
        gradients = [torch.zeros_like(t) if g is None else g for t, g in zip(targets, found, strict=True)]
        left = iter(gradients[len(matrices) :])
        return (
            dict(zip(matrices, gradients, strict=False)),
            [(layer, [next(left) for _ in layer.outputs]) for layer in layers],
        )

    @property
    def gradients(self) -> Weights:
        """The gradient of the loss on the first batch, for each of `matrices`."""
        return self._gradients[0]

    @property
    def layers(self) -> list[tuple[Layer, list[Tensor]]]:
        """Convolutions and linear layers with the gradient of the loss by each of their outputs."""
        return self._gradients[1]

    def twice_differentiable(self) -> tuple[Weights, Weights]:
        """`matrices` of a pass of its own on the first batch, and their gradients, which can be differentiated again.

        With the channels first: torch's second derivatives of convolutions are slow with the channels last.
        """
        weights = {
            n: w.detach().contiguous().requires_grad_(w.requires_grad) for n, w in self.weights.items()
        }
        matrices = {name: weights[name] for name in self.matrices}
        loss = self._loss(self.run(self.batches[0], weights, as_given=True), self.batches[0])
        found = torch.autograd.grad(loss, list(matrices.values()), create_graph=True, allow_unused=True)
        return matrices, {n: g for n, g in zip(matrices, found, strict=True) if g is not None}

    def second_gradients(self) -> Weights:
        """As `gradients`, on the second batch.

        Raises:
            TrialError: When there is none.
        """
        if len(self.batches) < 2:
            raise TrialError("zico compares the gradients of two batches, and the data make only one")
        loss = self._loss(self.run(self.batches[1]), self.batches[1])
        matrices = self.matrices
        found = torch.autograd.grad(loss, list(matrices.values()), allow_unused=True)
        pairs = zip(matrices.items(), found, strict=True)
        return {name: torch.zeros_like(w) if g is None else g for (name, w), g in pairs}

    def _loss(self, outputs: Any, batch: Any) -> Tensor:
        loss = self.task.loss(outputs, batch)
        if not torch.isfinite(loss):
            raise TrialError(f"the loss of the untrained network is {float(loss.detach())}")
        if not loss.requires_grad:
            raise TrialError("the loss does not depend on the network's weights")
        return loss

    def drawn(self, kind: Literal["normal", "kaiming"]) -> Weights:
        """Other initial weights: matrices normal, biases 0, scales of norms 1.

        Args:
            kind: "normal" has variance 1, "kaiming" 2 divided by the number of inputs (He et al. 2015,
                arXiv:1502.01852).
        """
        generator = torch.Generator().manual_seed(self.seed)
        made = dict(self.weights)
        for place, module in self.network.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    scale = (2 / parameter[0].numel()) ** 0.5 if kind == "kaiming" else 1.0
                    value = scale * torch.randn(parameter.shape, generator=generator).to(parameter)
                elif name == "bias":
                    value = torch.zeros_like(parameter)
                elif isinstance(module, _NORMS):
                    value = torch.ones_like(parameter)
                else:
                    continue
                full = f"{place}.{name}" if place else name
                if full in made:
                    made[full] = self._placed(value.detach())
        return made

    def noise(self, stream: int = 0) -> Callable[[Tensor], Tensor]:
        """From a tensor of amounts to a normal one of its shape; symbols and masks stay as they are.

        Args:
            stream: Another one draws others.
        """
        generator = torch.Generator().manual_seed(self.seed + stream)

        def draw(tensor: Tensor) -> Tensor:
            if not tensor.is_floating_point():
                return tensor
            return torch.randn(tensor.shape, generator=generator).to(tensor)

        return draw


def amounts(proxy: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A change of inputs that are amounts, which leaves masks as they are and refuses symbols.

    Args:
        proxy: Who asks.
        change: Of a tensor of amounts.
    """

    def changed(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            return change(tensor)
        if tensor.dtype is torch.bool:
            return tensor
        raise TrialError(f"{proxy} is not defined for this network: its inputs are symbols, not numbers")

    return changed


def product(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> list[Tensor]:
    """The products, element by element, of what stands under the same names, in 64 bits."""
    return [first[name].detach().double() * second[name].detach().double() for name in second]


def _changed(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """With each tensor in tuples, lists and dicts changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _changed(item, change) for name, item in value.items()}
    if isinstance(value, tuple | list):
        items = [_changed(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value
