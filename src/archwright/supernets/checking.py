"""Before any training: which decisions a one-shot method cannot share weights over, and what to do about each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from archwright.errors import ArchwrightError, SpaceError
from archwright.evaluating import evaluating
from archwright.learning.randomness import seeded
from archwright.spaces import Architecture, Decision, Space
from archwright.spaces.build import arguments_of
from archwright.supernets.elastic import Elastic
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.registry import METHODS
from archwright.supernets.mixed import GatedEdge
from archwright.supernets.supernet import Supernet, covering_architectures
from archwright.tasks.batches import tensors_in

__all__ = ["Unshared", "check"]

_MOST = 64
"""Values of one decision that a mixture holds: each is computed in every step."""
_TRIED = 200
_PATHS = 16
_ONE_PATH = ", ".join(name for name, method in METHODS.items() if not method.needs_mixture) or "spos"


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


def check(space: Space, method: str | OneShot | type[OneShot], example: Any = None) -> list[Unshared]:
    """Every decision of a space that a one-shot method cannot share, empty where there is none.

    Args:
        space: The space.
        method: A name in `METHODS`, a method or its class.
        example: A batch of inputs, shape (N, ...), N >= 2. With it the supernet is run: each decision as a mixture of
            weight one on one value must give what that value alone gives. None looks at the space alone.

    Raises:
        UsageError: When no method has such a name.
    """
    needs_mixture = METHODS.known(method).needs_mixture if isinstance(method, str) else method.needs_mixture
    found = list(_of_training(space))
    decisions = {a: d for a, d in space.decisions.items() if d.size > 1 and not a.startswith("training.")}
    if needs_mixture:
        found += [problem for a, d in decisions.items() for problem in _of_values(a, d)]
    if not decisions:
        found.append(
            Unshared("the network", "nothing in it is decided", "train it as it is, or let something vary")
        )
    with seeded(0, threads=1):
        known = {problem.address for problem in found}
        return found + list(_of_supernet(space, needs_mixture, decisions, known, example))


def _of_supernet(
    space: Space, needs_mixture: bool, decisions: Mapping[str, Decision], known: set[str], example: Any
) -> Iterator[Unshared]:
    """What building the supernet and running it tells."""
    try:
        supernet = Supernet(space, example)
    except ArchwrightError as error:
        cure = "let each part be a module of its own, whose arguments are plain"
        yield Unshared("the network", str(error), cure)
        return
    if example is None:
        return
    problems = list(_of_paths(supernet, example))
    if needs_mixture:
        problems += _of_forms(supernet)
    yield from problems
    mixed = {address: decision for address, decision in decisions.items() if address not in known}
    if needs_mixture and not problems and not _can_be_mixed(supernet, mixed, example):
        for address, decision in mixed.items():
            yield from _of_mixture(supernet, address, decision, example)


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
    elif not decision.several and decision.size > _MOST:
        yield Unshared(
            address,
            f"it has {_count(decision.size)} values, and a mixture computes each of them",
            f"allow at most {_MOST}, or use a one-path method: {_ONE_PATH}",
        )


def _count(size: float) -> str:
    return f"{size:,}" if size < 10**9 else f"about 10^{math.floor(math.log10(size))}"


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


def _of_paths(supernet: Supernet, example: Any) -> Iterator[Unshared]:
    """The first path of a few that does not run."""
    for architecture in itertools.islice(covering_architectures(supernet.space), _PATHS):
        try:
            _run(supernet, architecture, example)
        except Exception as error:
            told = ", ".join(f"{address}={value!r}" for address, value in architecture.items())
            yield Unshared(
                "the network",
                f"the path {told} does not run: {_reason(error)}",
                "build this architecture alone (space.build(architecture, example)): where that runs, a module there "
                "looks into its parts, or takes its size from the first input it sees; use its sized form",
            )
            return


def _can_be_mixed(supernet: Supernet, decisions: Mapping[str, Decision], example: Any) -> bool:
    """Whether mixtures with all weight on one value everywhere are that path.

    One path says it of sums of operations, and a second to be sure; other conditions are asked for each value.
    """
    conditions = [module.selector for module in supernet.modules() if isinstance(module, GatedEdge)]
    paths = 2 if all(selector.item is not None for selector in conditions) else _PATHS
    for architecture in itertools.islice(covering_architectures(supernet.space), paths):
        gates: dict[str, Gate] = {}
        for address, decision in supernet.decisions.items():
            value = architecture.get(address, decision.default())
            gates[address] = _only(decision, value) if address in decisions else OnePath(value)
        try:
            if not _equal(supernet, architecture, gates, example):
                return False
        except Exception:  # which decision it is, and why, is found by asking for each
            return False
    return True


def _only(decision: Decision, value: Any) -> Mixture:
    """The mixture with all weight on one value; all values are computed."""
    return Mixture.of_all(torch.tensor(decision.relaxed().hot(value)))


def _equal(supernet: Supernet, architecture: Architecture, gates: Mapping[str, Gate], example: Any) -> bool:
    """Whether the supernet gives under some gates what it gives for one architecture."""
    pairs = zip(_run(supernet, architecture, example), _run(supernet, gates, example), strict=True)
    return all(torch.allclose(alone, mixed, rtol=1e-3, atol=1e-4) for alone, mixed in pairs)


def _run(supernet: Supernet, gates: Architecture | Mapping[str, Gate], example: Any) -> list[torch.Tensor]:
    """The tensors that the supernet gives under some gates."""
    args, kwargs = arguments_of(example)
    with evaluating(supernet), supernet.on(gates):
        return list(tensors_in(supernet(*args, **kwargs)))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ArchwrightError) else f"{type(error).__name__}: {error}"


def _of_mixture(supernet: Supernet, address: str, decision: Decision, example: Any) -> Iterator[Unshared]:
    """The first value for which a mixture with all weight on it is not that value."""
    conditions = {a for m in supernet.modules() if isinstance(m, GatedEdge) for a in m.selector.reads}
    tried = [None] if decision.several or address not in conditions else list(decision.values())
    for value in tried:
        architecture = _active(supernet.space, address, value)
        if architecture is not None:
            problems = list(_of_value(supernet, address, decision, architecture, example))
            yield from problems
            if problems:
                return


def _of_value(
    supernet: Supernet, address: str, decision: Decision, architecture: Architecture, example: Any
) -> Iterator[Unshared]:
    # Inside of absent parts more decisions can stand: those need gates too, whatever they say.
    path: dict[str, Gate] = {a: OnePath(other.default()) for a, other in supernet.space.decisions.items()}
    path.update({a: OnePath(value) for a, value in architecture.items()})
    gates = {**path, address: _only(decision, architecture[address])}
    try:
        is_equal = _equal(supernet, architecture, gates, example)
    except Exception as error:
        reason = _reason(error)
        first = "let all its options give one shape, or " if "shape" in reason else ""
        yield Unshared(
            address, f"its values cannot be mixed: {reason}", f"{first}use a one-path method: {_ONE_PATH}"
        )
        return
    if not is_equal:
        yield Unshared(
            address,
            "a part with weight zero is not the same as one that is absent",
            "write aw.switch(decision, {True: body, False: aw.layer(nn.Identity)}), where the container does not sum "
            f"its parts, or use a one-path method: {_ONE_PATH}",
        )


def _active(space: Space, address: str, value: Any = None) -> Architecture | None:
    """An architecture in which a decision is active, with the value where one is given."""
    random = Random(0)

    def decide(at: str, decision: Decision) -> Any:
        return value if at == address and value is not None else decision.uniform(random)

    for _ in range(_TRIED):
        try:
            architecture = space.complete(decide)
        except SpaceError:
            return None
        if address in architecture:
            return architecture
    return None
