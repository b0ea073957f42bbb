"""Before any training: which decisions a one-shot method cannot share weights over, and what to do about each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from archwright.errors import ArchwrightError, SpaceError
from archwright.spaces import Architecture, Decision, Space, Subset
from archwright.supernets.elastic import Elastic
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.registry import METHODS, known_method
from archwright.supernets.mixed import GatedEdge
from archwright.supernets.supernet import Supernet, covering

__all__ = ["Unshared", "check"]

_MOST = 64
"""Values of one decision that a mixture holds: each is computed in every step."""
_TRIED = 200
_PATHS = 16
_ONE_PATH = ", ".join(name for name, method in METHODS.items() if not method.mixes) or "spos"


@dataclass(frozen=True, slots=True)
class Unshared:
    """Something that a method cannot share weights over.

    Args:
        address: Of the decision; "the network" where it is no single one.
        reason: Why.
        cure: What to do about it.
    """

    address: str
    reason: str
    cure: str

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}; {self.cure}"


def check(
    space: Space, method: str | OneShot | type[OneShot], example: Tensor | None = None
) -> list[Unshared]:
    """Every decision of a space that a one-shot method cannot share, empty where there is none.

    Args:
        space: The space.
        method: A name in `METHODS`, a method or its class.
        example: A batch of inputs, shape (N, ...), N >= 2. With it the supernet is run: each decision as a mixture of
            weight one on one value must give what that value alone gives. None looks at the space alone.

    Raises:
        UsageError: When no method has such a name.
    """
    mixes = known_method(method).mixes if isinstance(method, str) else method.mixes
    found = list(_of_training(space))
    decisions = {a: d for a, d in space.decisions.items() if d.size > 1 and not a.startswith("training.")}
    if mixes:
        found += [problem for a, d in decisions.items() for problem in _of_values(a, d)]
    if not decisions:
        found.append(
            Unshared("the network", "nothing in it is decided", "train it as it is, or let something vary")
        )
    state = torch.get_rng_state()
    try:
        supernet = Supernet(space, example)
    except ArchwrightError as error:
        return [
            *found,
            Unshared(
                "the network", str(error), "let each part be a module of its own, whose arguments are plain"
            ),
        ]
    finally:
        torch.set_rng_state(state)
    if example is not None:
        known = {problem.address for problem in found}
        if mixes:
            found += _of_forms(supernet)
            known = {problem.address for problem in found}
        found += _of_paths(supernet, example)
        if mixes and len(found) == len(known):
            found += [
                problem
                for address, decision in decisions.items()
                if address not in known
                for problem in _of_mixture(supernet, address, decision, example)
            ]
    return found


def _of_training(space: Space) -> Iterator[Unshared]:
    for address in space.decisions:
        if address.startswith("training."):
            yield Unshared(
                address,
                "one supernet is trained once, so it cannot try values of its training",
                "fix it in the recipe, or use a strategy that trains every network, such as evolution",
            )


def _of_values(address: str, decision: Decision) -> Iterator[Unshared]:
    if decision.size == math.inf:
        yield Unshared(
            address,
            "it has infinitely many values, which cannot all be computed at once",
            f"list some by aw.categorical([...]), or use a one-path method: {_ONE_PATH}",
        )
    elif not isinstance(decision, Subset) and decision.size > _MOST:
        yield Unshared(
            address,
            f"it has {decision.size:,} values, and a mixture computes each of them",
            f"allow at most {_MOST}, or use a one-path method: {_ONE_PATH}",
        )


def _of_forms(supernet: Supernet) -> Iterator[Unshared]:
    """The calls of which a mixture would compute too many forms."""
    for module in supernet.modules():
        if isinstance(module, Elastic):
            read = {a: supernet.decisions[a] for a in module.reads if a in supernet.decisions}
            decisions = {address: decision for address, decision in read.items() if decision.size < math.inf}
            if math.prod(decision.size for decision in decisions.values()) > _MOST:
                yield Unshared(
                    ", ".join(decisions),
                    f"the call at {module.place} has more than {_MOST} forms, and a mixture computes each of them",
                    f"let its arguments depend on fewer decisions, or use a one-path method: {_ONE_PATH}",
                )
                return


def _of_paths(supernet: Supernet, example: Tensor) -> Iterator[Unshared]:
    """The first path of a few that does not run."""
    for architecture in itertools.islice(covering(supernet.space), _PATHS):
        if (error := _failure(supernet, architecture, example)) is not None:
            told = ", ".join(f"{address}={value!r}" for address, value in architecture.items())
            yield Unshared(
                "the network",
                f"the path {told} does not run: {error}",
                "build this architecture alone (space.build(architecture, example)): where that runs, a module there "
                "looks into its parts, or takes its size from the first input it sees; use its sized form",
            )
            return


def _of_mixture(supernet: Supernet, address: str, decision: Decision, example: Tensor) -> Iterator[Unshared]:
    """The first value for which a mixture with all weight on it is not that value."""
    conditions = {a for m in supernet.modules() if isinstance(m, GatedEdge) for a in m.selector.reads}
    tried = [None] if isinstance(decision, Subset) or address not in conditions else list(decision.values())
    for value in tried:
        architecture = _active(supernet.space, address, value)
        if architecture is not None:
            problems = list(_of_value(supernet, address, decision, architecture, example))
            yield from problems
            if problems:
                return


def _of_value(
    supernet: Supernet, address: str, decision: Decision, architecture: Architecture, example: Tensor
) -> Iterator[Unshared]:
    # Inside of absent parts more decisions can stand: those need gates too, whatever they say.
    path: dict[str, Gate] = {a: OnePath(other.default()) for a, other in supernet.space.decisions.items()}
    path.update({a: OnePath(value) for a, value in architecture.items()})
    value = architecture[address]
    if isinstance(decision, Subset):
        weights = torch.tensor([float(item in value) for item in range(decision.n)])
        computed = tuple(range(decision.n))
    else:
        values = list(decision.values())
        weights = torch.tensor([float(other == value) for other in values])
        computed = tuple(range(len(values)))
    try:
        with torch.no_grad(), supernet.on(architecture):
            alone = supernet.eval()(example)
        with torch.no_grad(), supernet.on({**path, address: Mixture(weights, computed)}):
            mixed = supernet(example)
    except Exception as error:
        reason = str(error) if isinstance(error, ArchwrightError) else f"{type(error).__name__}: {error}"
        yield Unshared(
            address,
            f"its values cannot be mixed: {reason}",
            f"let all its options give one shape, or use a one-path method: {_ONE_PATH}",
        )
        return
    if not torch.allclose(alone, mixed, rtol=1e-4, atol=1e-5):
        yield Unshared(
            address,
            "a part with weight zero is not the same as one that is absent",
            "write aw.switch(decision, {True: body, False: aw.layer(nn.Identity)}), where the container does not sum "
            f"its parts, or use a one-path method: {_ONE_PATH}",
        )


def _failure(supernet: Supernet, architecture: Architecture, example: Tensor) -> str | None:
    try:
        with torch.no_grad(), supernet.on(architecture):
            supernet.eval()(example)
    except Exception as error:
        return str(error) if isinstance(error, ArchwrightError) else f"{type(error).__name__}: {error}"
    finally:
        supernet.train()
    return None


def _active(space: Space, address: str, value: Any = None) -> Architecture | None:
    """An architecture in which a decision is active, with the value where one is given."""
    random = Random(0)

    def decide(at: str, decision: Decision) -> Any:
        return value if at == address and value is not None else decision.draw(random)

    for _ in range(_TRIED):
        try:
            architecture = space.decided(decide)
        except SpaceError:
            return None
        if address in architecture:
            return architecture
    return None
