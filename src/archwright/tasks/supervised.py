"""Tasks of inputs and targets: all verbs, filled once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from archwright.errors import TaskError
from archwright.evaluating import evaluating
from archwright.tasks.batches import Part, Plan
from archwright.tasks.preprocessing import Preprocessing
from archwright.tasks.targets import MULTILABEL, REGRESSION
from archwright.tasks.task import Split, Task, Total

__all__ = ["Softened", "Supervised", "divergence"]


@dataclass(frozen=True, slots=True)
class Softened:
    """Targets of a batch whose labels are smoothed, or whose examples are mixed.

    Args:
        first: Targets, shape (N, ...).
        smoothing: Share of the target that is spread over all classes.
        second: Targets of what was mixed in; None where nothing was.
        share: How much of each example is its own, where examples are mixed.
    """

    first: Tensor
    smoothing: float
    second: Tensor | None = None
    share: float = 1.0


def divergence(outputs: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² KL(softmax(teacher / T) || softmax(outputs / T)) in nats (Hinton et al. 2015, arXiv:1503.02531, section 2).

    T² keeps the gradient of one size whatever the temperature.

    Args:
        outputs: Logits, shape (..., classes).
        teacher: Those of the teacher, of the same shape; no gradient flows into them.
        temperature: T, above 0.

    Returns:
        Shape (...).
    """
    taught = functional.log_softmax(teacher.detach().float() / temperature, dim=-1)
    learned = functional.log_softmax(outputs.float() / temperature, dim=-1)
    return temperature**2 * functional.kl_div(learned, taught, reduction="none", log_target=True).sum(dim=-1)


class Supervised(Task):
    """A batch is (inputs, targets), and outputs are a tensor of a known shape.

    A subclass gives `criterion` and `scores`. A subclass of a ready-made task may override `loss(outputs, batch)` and
    `metrics(outputs, batch)` alone; then the loss is its own, and so are the metrics.

    Args:
        name: What to call it.
        train: Items are (input, target).
        validation: The same.
        test: The same.
        split: How the data was divided.
        preprocessing: How raw inputs and targets were prepared; None where inputs are symbols of a text.
        classes: Names of the outputs; empty where they are amounts.
    """

    split: Split
    input_shape: tuple[int, ...]
    outputs: int

    def __init__(
        self,
        name: str,
        *,
        train: Dataset[Any],
        validation: Dataset[Any],
        test: Dataset[Any],
        split: Split,
        preprocessing: Preprocessing | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        self.name, self.split, self.preprocessing = name, split, preprocessing
        self.train, self.validation, self.test = train, validation, test
        self.classes = tuple(classes)
        self.outputs = len(self.classes or (preprocessing.target_mean if preprocessing else ()))
        self.input_shape = preprocessing.input_shape if preprocessing else tuple(train[0][0].shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what a network gives for one input, without the batch."""
        return (self.outputs,)

    @abstractmethod
    def criterion(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean loss, a scalar.

        Args:
            outputs: What the network gave, shape (N, *output_shape).
            targets: Targets, shape (N, ...).
            smoothing: Share of the target that is spread over all classes, in [0, 1); ignored where there are none.
        """

    @abstractmethod
    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """All metrics of a whole part at once. Without "loss" among them, it is the `criterion` of the whole part.

        Args:
            outputs: What the network gave, shape (N, *output_shape), on the CPU.
            targets: Targets, shape (N, ...), on the CPU.
        """

    def sampling_errors(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Standard errors of some of `scores`, had other examples been drawn; by default none is known.

        Args:
            outputs: As for `scores`.
            targets: As for `scores`.
        """
        return {}

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """The mean of `criterion`; of an ensemble in training, which gives what each member says, the mean of theirs.

        Args:
            outputs: Shape (N, *output_shape), or (N, members, *output_shape).
            batch: The batch.

        Raises:
            TaskError: When the outputs are not of the right shape.
        """
        targets = batch[1]
        if self._has_members(outputs):
            each = _repeated(targets, outputs.shape[1])
            return Supervised.loss(self, outputs.flatten(0, 1), (batch[0], each))
        soft = targets if isinstance(targets, Softened) else None
        self._check(outputs, targets if soft is None else soft.first, "in training mode ")
        if soft is None:
            return self.criterion(outputs, targets)
        loss = self.criterion(outputs, soft.first, soft.smoothing)
        if soft.second is None:
            return loss
        return soft.share * loss + (1 - soft.share) * self.criterion(outputs, soft.second, soft.smoothing)

    def metrics(self, outputs: Any, batch: Any) -> Mapping[str, Total]:
        """`scores` of one batch but for the loss, each times the number of examples."""
        targets = batch[1].first if isinstance(batch[1], Softened) else batch[1]
        scores, count = self._scored(outputs, targets), len(targets)
        return {name: (value * count, count) for name, value in scores.items() if name != "loss"}

    def measure(self, outputs: Any, batch: Any) -> dict[str, float]:
        """The metrics of one batch as numbers."""
        if self.has_own("loss") or self.has_own("metrics"):
            return super().measure(outputs, batch)
        return self._scored(outputs, batch[1])

    def arguments(self, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs alone."""
        return (batch[0],), {}

    def weight(self, batch: Any) -> Tensor | int:
        """The number of examples."""
        return len(batch[0])

    def evaluate(self, network: nn.Module, part: Part, plan: Plan) -> dict[str, float]:
        """`scores` of the whole part, and the loss of a subclass that has its own; none of an empty part."""
        if part.name == "test" and self.split.test == 0:
            return {}
        if self.has_own("metrics"):
            return super().evaluate(network, part, plan)
        losses, weights = 0.0, 0.0

        def lose(given: Any, batch: Any) -> None:
            nonlocal losses, weights
            weight = self.weight(batch)
            losses += float(self.loss(given, batch) * weight)
            weights += float(weight)

        scores = self._judged(*self._answers(network, part, plan, lose if self.has_own("loss") else None))
        return {**scores, "loss": losses / weights} if weights else scores

    def uncertainty(self, network: nn.Module, part: Part, plan: Plan) -> dict[str, float]:
        """`sampling_errors` of the whole part; none where a subclass has metrics of its own."""
        if self.has_own("metrics") or self.has_own("loss"):
            return {}
        return self.sampling_errors(*self._answers(network, part, plan))

    def _answers(
        self, network: nn.Module, part: Part, plan: Plan, seen: Callable[[Any, Any], None] | None = None
    ) -> tuple[Tensor, Tensor]:
        """What a network in evaluation mode gives for a part of the data, and the targets, on the CPU.

        Args:
            network: The network.
            part: Of the data.
            plan: How it is read.
            seen: Is given the outputs of each batch and the batch; without it the outputs' shape is checked.
        """
        outputs, targets = [], []
        stream = self.batches(part, plan, network)
        with evaluating(network):
            for batch in stream:
                given = self.forward(network, batch)
                if seen is None:
                    self._check(given, batch[1])
                else:
                    seen(given, batch)
                outputs.append(given.float().cpu())
                targets.append(batch[1].cpu())
        return torch.cat(outputs), torch.cat(targets)

    def check(self, outputs: Any, batch: Any) -> None:
        """Check the shape of outputs, or the loss where it is the subclass's own.

        Raises:
            TaskError: Names what was expected.
        """
        if self.has_own("loss"):
            return super().check(outputs, batch)
        return self._check(outputs, batch[1])

    def augment(self, batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
        """The inputs changed."""
        return (change(batch[0]), *batch[1:])

    def soften(self, batch: Any, smoothing: float, mixup: float, generator: torch.Generator) -> Any:
        """Targets with smoothed labels; inputs mixed in pairs (Zhang et al. 2018, arXiv:1710.09412).

        The share of each example's own input is drawn from Beta(mixup, mixup), one for the batch, and at least a half.
        """
        inputs, targets = batch
        if not mixup:
            return inputs, Softened(targets, smoothing)
        gammas = torch._standard_gamma(torch.full((2,), mixup, dtype=torch.float64), generator=generator)
        drawn = float(gammas[0] / gammas.sum())
        own = max(drawn, 1 - drawn)
        others = torch.randperm(len(inputs), generator=generator).to(inputs.device)
        mixed = own * inputs + (1 - own) * inputs[others]
        return mixed, Softened(targets, smoothing, targets[others], own)

    @property
    def softens(self) -> bool:
        """False for a loss of its own, which does not know of smoothed labels, unless `soften` is its own too."""
        return not self.has_own("loss") or self.has_own("soften")

    @property
    def augments(self) -> bool:
        """True for amounts."""
        return not (self.has_symbols or self.cardinalities)

    def distance(self, outputs: Any, teacher: Any, batch: Any, temperature: float = 1.0) -> Tensor:
        """Mean squared difference; amounts have no temperature."""
        if self._has_members(outputs):
            teacher = teacher.unsqueeze(1).expand_as(outputs)
        return functional.mse_loss(outputs.float(), teacher.detach().float())

    def has_own(self, verb: str) -> bool:
        """Whether a subclass gives a method of its own in place of the ready-made one."""
        return getattr(type(self), verb) is not getattr(Supervised, verb)

    def _has_members(self, outputs: Any) -> bool:
        """Whether outputs are those of the members of an ensemble, in training."""
        shape = tuple(self.output_shape)
        return isinstance(outputs, Tensor) and outputs.ndim == len(shape) + 2 and outputs.shape[2:] == shape

    def _scored(self, outputs: Any, targets: Tensor) -> dict[str, float]:
        if self._has_members(outputs):
            outputs = outputs.mean(dim=1)
        self._check(outputs, targets)
        return self._judged(outputs.detach().cpu(), targets.cpu())

    def _judged(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        scores = dict(self.scores(outputs, targets))
        return scores if "loss" in scores else {"loss": float(self.criterion(outputs, targets)), **scores}

    def _check(self, outputs: Any, targets: Tensor, when: str = "") -> None:
        if self._has_members(outputs):
            outputs = outputs[:, 0]
        expected = (len(targets), *self.output_shape)
        if isinstance(outputs, Tensor) and outputs.shape == expected:
            if self.kind in (REGRESSION, MULTILABEL) and targets.shape != expected:
                raise TaskError(
                    f"task {self.name!r}: expected targets of shape {expected}, as the outputs are, got "
                    f"{tuple(targets.shape)}"
                )
            return
        got = f"the shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
        raise TaskError(
            f"expected the network to give a tensor of shape {expected} for {len(targets)} inputs, {when}got {got}; "
            f"the task {self.name!r} wants {' x '.join(map(str, self.output_shape))} numbers for each input, so end "
            f"the network with a layer of {self.outputs} outputs"
        )


def _repeated(targets: Any, members: int) -> Any:
    """Targets once for each member of an ensemble."""
    if not isinstance(targets, Softened):
        return targets.repeat_interleave(members, dim=0)
    second = None if targets.second is None else targets.second.repeat_interleave(members, dim=0)
    return Softened(targets.first.repeat_interleave(members, dim=0), targets.smoothing, second, targets.share)
