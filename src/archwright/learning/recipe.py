"""How a network is trained: one typed, checked record. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from archwright.errors import UsageError, did_you_mean

__all__ = ["AUGMENTATIONS", "FINE_TUNING", "OPTIMIZERS", "SCHEDULES", "Recipe"]

OPTIMIZERS = ("adamw", "adam", "sgd")
FINE_TUNING: Mapping[str, Any] = {"learning_rate": 2e-3, "schedule": "cosine", "warmup_epochs": 0.5}
"""What is other than the defaults where a network comes with its weights: a lower rate, a short warm-up."""
SCHEDULES = ("constant", "cosine", "linear", "one_cycle", "step")
AUGMENTATIONS = ("shift", "flip", "noise")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a network is trained. The defaults suit a small network on small data.

    Args:
        epochs: Passes over the training data, at least 1. A candidate's fidelity may set fewer or more;
            schedule and warm-up then stretch over as many.
        batch_size: Examples a step, at least 2. The last batch of an epoch may be smaller; a single example
            left over joins the batch before it, since batch normalisation cannot train on one.
        optimizer: "adamw" (decoupled weight decay, Loshchilov & Hutter 2019, arXiv:1711.05101), "adam"
            (Kingma & Ba 2015, arXiv:1412.6980; weight decay as an L2 penalty) or "sgd" (with Nesterov's
            momentum).
        learning_rate: The highest learning rate of the schedule.
        weight_decay: Strength of weight decay, at least 0.
        decay_all: False keeps weight decay off the parameters with fewer than two dimensions, which are
            biases and the scales of normalisation: shrinking them regularises nothing. True decays every
            parameter.
        momentum: Of "sgd", in [0, 1); the others do not use it.
        schedule: How the learning rate moves over the steps, as a factor of `learning_rate`: "constant";
            "cosine" (from 1 to 0, Loshchilov & Hutter 2017, arXiv:1608.03983); "linear" (from 1 to 0);
            "step" (a tenth from half of the steps on, a hundredth from three quarters on); "one_cycle" (from
            1/25 up to 1 over the first 30 % of the steps, then down to 1/250,000, both along a cosine; Smith
            & Topin 2018, arXiv:1708.07120).
        warmup_epochs: Epochs, or a fraction of one, over which the learning rate first rises linearly from
            near 0; fewer than `epochs`. "one_cycle" has its own rise, so it takes none.
        label_smoothing: Share of the target that is spread evenly over all classes, in [0, 1). Regression
            ignores it; the loss that is reported for the validation data is never smoothed.
        gradient_clip: Largest Euclidean norm of all gradients together; larger ones are scaled down. None:
            no limit.
        early_stopping: Stop when the task's metric has not improved on the validation data for that many
            epochs, and go back to the weights of the best epoch (of equal metrics, the one of the smallest
            loss). None: train all epochs and keep the last weights.
        augmentation: What is done to each training input at random, joined by "+": "shift" (along every
            spatial axis by up to an eighth of its length, borders repeated), "flip" (mirrored along the last
            axis, half of the time), "noise" (Gaussian, a tenth of the batch's standard deviation); or
            "none". "shift" and "flip" need signals or images.
        mixup: Mix the examples of each batch in pairs, with shares drawn from Beta(mixup, mixup) (Zhang et al. 2018,
            arXiv:1710.09412); 0 mixes nothing.
        accumulation: In how many micro-batches the examples of a step go through the network, where memory does not
            suffice for all at once; divides `batch_size` into parts of at least 2. Only batch normalisation sees a
            difference.
        freeze: Patterns of parameter names, such as "backbone.*": what they match is not trained, and norms all of
            whose parameters are frozen keep their statistics.
        layer_decay: Factor of the learning rate from each layer to the one before it, in (0, 1] (Clark et al. 2020,
            arXiv:2003.10555): the last layer has the full rate. Layers are the modules with a parameter of two or more
            dimensions, in the order in which the network registers them; norms go with the layer before them.
        distillation: Weight in [0, 1] of the distance to the outputs of a teacher; the task's loss has 1 minus that
            (Hinton et al. 2015, arXiv:1503.02531). The teacher is the trained network from which the space was made.
        temperature: What logits of student and teacher are divided by before they are compared, above 0.
        seed: Seed of weights, dropout, order of the examples, and augmentation.

    Raises:
        UsageError: When a value is of the wrong type or out of its range.
    """

    epochs: int = 12
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    decay_all: bool = False
    momentum: float = 0.9
    schedule: str = "one_cycle"
    warmup_epochs: float = 0.0
    label_smoothing: float = 0.0
    gradient_clip: float | None = None
    early_stopping: int | None = None
    augmentation: str = "none"
    mixup: float = 0.0
    accumulation: int = 1
    freeze: tuple[str, ...] = ()
    layer_decay: float = 1.0
    distillation: float = 0.0
    temperature: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_number("epochs", 1, whole=True)
        self._check_number("batch_size", 2, whole=True)
        self._check_name("optimizer", OPTIMIZERS)
        self._check_number("learning_rate", 0, above=True)
        self._check_number("weight_decay", 0)
        self._check_number("momentum", 0, 1)
        self._check_name("schedule", SCHEDULES)
        self._check_number("warmup_epochs", 0, self.epochs)
        self._check_number("label_smoothing", 0, 1)
        if not isinstance(self.decay_all, bool):
            raise self._error("decay_all", "True or False")
        if self.gradient_clip is not None:
            self._check_number("gradient_clip", 0, above=True)
        if self.early_stopping is not None:
            self._check_number("early_stopping", 1, whole=True)
        self._check_augmentation()
        self._check_number("mixup", 0)
        self._check_number("accumulation", 1, whole=True)
        if self.batch_size % self.accumulation or self.batch_size // self.accumulation < 2:
            raise self._error(
                "accumulation", f"a divisor of batch_size={self.batch_size} that leaves at least 2 examples"
            )
        self._check_transfer()
        self._check_number("seed", 0, 2**32, whole=True)
        if self.schedule == "one_cycle" and self.warmup_epochs:
            raise self._error("warmup_epochs", "0 with the schedule 'one_cycle', which has its own rise")

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The parts of `augmentation`, in the order in which they are done; empty for "none"."""
        wanted = self.augmentation.split("+")
        return tuple(name for name in AUGMENTATIONS if name in wanted)

    def replace(self, **changes: Any) -> Recipe:
        """A copy with other values for some fields.

        Raises:
            UsageError: When a field is unknown or a value is refused.
        """
        return Recipe.from_json({**self.to_json(), **changes})

    @property
    def from_scratch(self) -> Recipe:
        """The recipe for a network that has no weights to keep and no teacher."""
        return self.replace(freeze=(), layer_decay=1.0, distillation=0.0)

    @property
    def distilled(self) -> Recipe:
        """The recipe with a teacher: half of the loss at the temperature 1, where it does not say how much."""
        return self if self.distillation else self.replace(distillation=0.5, temperature=1.0)

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_json`. Fields that are not given take their default.

        Raises:
            UsageError: When a field is unknown or a value is refused.
        """
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise UsageError(f"a recipe has no field {name!r}.{did_you_mean(name, known)}")
        given = dict(data)
        if isinstance(given.get("freeze"), list):  # as JSON has it
            given["freeze"] = tuple(given["freeze"])
        return cls(**given)

    def _check_transfer(self) -> None:
        if not isinstance(self.freeze, tuple) or not all(isinstance(one, str) and one for one in self.freeze):
            raise self._error("freeze", "a sequence of patterns of parameter names")
        for name in ("layer_decay", "distillation"):
            self._check_number(name, 0, above=name == "layer_decay")
            if getattr(self, name) > 1:
                raise self._error(name, "at most 1")
        self._check_number("temperature", 0, above=True)

    def _check_number(
        self, name: str, low: float, below: float = math.inf, *, whole: bool = False, above: bool = False
    ) -> None:
        """Check that a field is a number from `low`, or above it where `above` is set, and below `below`."""
        value = getattr(self, name)
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not low <= value < below or (above and value == low):
            end = "" if below == math.inf else f" and < {below}"
            raise self._error(
                name, f"{'an integer' if whole else 'a number'} {'>' if above else '>='} {low}{end}"
            )

    def _check_name(self, name: str, known: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            raise UsageError(f"recipe: unknown {name} {value!r}.{did_you_mean(str(value), known)}")

    def _check_augmentation(self) -> None:
        if self.augmentation == "none":
            return
        if not isinstance(self.augmentation, str):
            raise self._error("augmentation", "names joined by '+', or 'none'")
        names = self.augmentation.split("+")
        for name in names:
            if name not in AUGMENTATIONS:
                raise UsageError(
                    f"recipe: unknown augmentation {name!r}.{did_you_mean(name, (*AUGMENTATIONS, 'none'))} "
                    "Join several with '+', such as 'shift+flip'"
                )
        if len(set(names)) < len(names):
            raise self._error("augmentation", "each name once")

    def _error(self, name: str, expected: str) -> UsageError:
        return UsageError(f"recipe: expected {name} to be {expected}, got {getattr(self, name)!r}")
