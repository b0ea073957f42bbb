"""The search space: an expression, and everything that can be done with its architectures."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from archwright.durations import count_of
from archwright.errors import SpaceError
from archwright.spaces.architecture import Architecture
from archwright.spaces.calls import ExpressionReader, resolve
from archwright.spaces.constraints import SpaceConstraints
from archwright.spaces.counting import count
from archwright.spaces.decision import Decision
from archwright.spaces.description import described_decisions, printable_size, short_hash, shown_size
from archwright.spaces.encoding import Encoding
from archwright.spaces.enumerator import enumerate_plan
from archwright.spaces.expression import Expression, error_prefix
from archwright.spaces.graph import Graph, graph_of
from archwright.spaces.plan import compile_plan
from archwright.spaces.rules import Rule, bind_rules, parse_rules
from archwright.spaces.scale import rescale
from archwright.spaces.variation import Variation

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Space"]

_COUNTABLE = _REFUSED = 1_000_000


class Space(Variation):
    """A search space.

    Args:
        network: The expression that becomes the network.
        training: Name to expression for what may vary in the training besides: fields of the estimator's recipe,
            such as `{"learning_rate": aw.real(1e-4, 1e-1, log=True)}`. Their addresses begin with `training.`.
        constraints: Predicates on an `Architecture`; one for which any is false is not in the space. Use
            `architecture.get(address)`, since a decision may be inactive.
        canonicalize: From an `Architecture` to anything hashable that is equal for two spellings of one network
            (isomorphic cells, say). By default the architecture itself, which holds active decisions only.
        name: What to call the space in reports.
        scaled: Makes the space with the same decisions at another scale, from keywords such as
            `cells=20, channels=36`; `scale` calls it. A `functools.partial` of a module's function, where the space
            is to be pickled.

    Raises:
        SpaceError: When the expression is not well formed. Names the address.

    Example:
        >>> import archwright as aw
        >>> space = aw.Space(aw.layer(dict, a=aw.choice(1, 2, name="a"), b=aw.boolean(name="b")))
        >>> space.size
        4
    """

    def __init__(
        self,
        network: Any,
        *,
        training: Mapping[str, Any] | None = None,
        constraints: Sequence[Callable[[Architecture], bool]] = (),
        canonicalize: Callable[[Architecture], Hashable] | None = None,
        name: str | None = None,
        scaled: Callable[..., Space] | None = None,
    ) -> None:
        if not isinstance(network, Expression):
            raise SpaceError(
                f"{error_prefix('Space', name)}: expected an expression for the network, such as aw.layer(...), got "
                f"{network!r}"
            )
        self.network = network
        self.training = dict(training or {})
        self.constraints = tuple(constraints)
        self.canonicalize = canonicalize
        self.name = name
        self.scaled = scaled
        self.held: dict[str, Any] = {}
        """Address to value of the decisions that `fix` holds."""
        self.rules: tuple[Rule, ...] = ()
        """Those of `obey`."""
        self._compile()

    def _compile(self) -> None:
        try:
            plan, self._addresses, self._fingerprint = compile_plan(
                {"": self.network, "training": self.training}
            )
        except RecursionError:
            raise SpaceError(
                "the expression is nested too deeply to be walked; a list or dict that holds itself is, too"
            ) from None
        plan = plan.hold(self.held) if self.held else plan
        bound = bind_rules(self.rules, plan.all_decisions())
        plan = plan.changed(bound.weigh) if bound.weights else plan
        self._prepare(
            plan, SpaceConstraints((*self.constraints, *bound.predicates.values()), self.canonicalize)
        )
        self.reader = ExpressionReader(self._addresses)
        """Evaluates the expressions of this space."""

    def __getstate__(self) -> dict[str, Any]:
        keep = ("network", "training", "constraints", "canonicalize", "name", "scaled", "held", "rules")
        return {key: self.__dict__[key] for key in keep}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"scaled": None, "held": {}, "rules": (), **state})  # older pickles lack them
        self._compile()

    # Making architectures

    def architecture(self, values: Mapping[str, Any]) -> Architecture:
        """The architecture with these values, checked.

        Args:
            values: Address to value, for exactly the active decisions.

        Raises:
            SpaceError: When an address is unknown, missing or inactive, a value is not one the decision can
                take, or a constraint does not hold.
        """
        if broken := self._constraints.broken(architecture := self.validate(values)):
            raise SpaceError(f"the constraint {broken} does not hold for {architecture!r}")
        return architecture

    @cached_property
    def default(self) -> Architecture:
        """The architecture of every active decision's default; where the constraints refuse it, that of seed 0.

        Raises:
            SpaceError: When the constraints refuse 10,000 samples in a row, too.
        """
        made = self.complete(lambda _, decision: decision.default())
        return made if self._constraints.allow(made) else self.sample(0)

    def fix(self, values: Mapping[str, Any]) -> Space:
        """This space with decisions held: its architectures are those of this one that have the values.

        Addresses and codes stay as they are, so that what is known of one space holds in the other.

        Args:
            values: Address to value.

        Raises:
            SpaceError: When an address is unknown or can never be active together with the other values, a decision
                cannot take its value, or the constraints refuse whatever else is decided.
        """
        if not values:
            return self
        fixed = Space.__new__(type(self))
        fixed.__setstate__({**self.__getstate__(), "held": {**self.held, **self._holdable(values)}})
        if fixed.is_constrained:
            fixed.sample(0)
        return fixed

    def obey(self, rules: Iterable[str]) -> Space:
        """This space with rules: architectures that break one are not in it, and options are drawn by weights.

        Addresses and codes stay as they are. Samples and mutations follow the weights; what lists all architectures or
        neighbours does not.

        Args:
            rules: See `archwright.spaces.rules.parse_rules`.

        Raises:
            SpaceError: When a rule cannot be read or speaks of no decision, or what is required cannot be met.
        """
        more = parse_rules(rules)
        if not more:
            return self
        made = Space.__new__(type(self))
        made.__setstate__({**self.__getstate__(), "rules": (*self.rules, *more)})
        made.sample(0)
        return made

    @property
    def is_constrained(self) -> bool:
        """Whether there are constraints, or rules that require or forbid."""
        return bool(self._constraints.names)

    def free_of_rules(self) -> Space:
        """This space without the rules that it obeys."""
        made = Space.__new__(type(self))
        made.__setstate__({**self.__getstate__(), "rules": ()})
        return made

    # The whole space

    @cached_property
    def size(self) -> float:
        """The exact number of different architectures: an int, or `math.inf` where a real can be active.

        Raises:
            SpaceError: With constraints or a canonical form of its own on more than 1,000,000 raw combinations,
                which cannot be counted; `size_bound` tells how many at most.
        """
        if not self.is_constrained and self.canonicalize is None:
            return self.size_bound
        if self.size_bound > _COUNTABLE:
            raise SpaceError(
                "a space with constraints or its own canonical form is counted one by one, up to "
                f"{_COUNTABLE:,} raw combinations; this one has {shown_size(self.size_bound)}; use size_bound"
            )
        return sum(1 for _ in self)

    @cached_property
    def size_bound(self) -> float:
        """The exact number of architectures before constraints and `canonicalize`; `size` is at most this."""
        return count(self.plan)

    def __iter__(self) -> Iterator[Architecture]:
        """Every architecture, each canonical form once, in a fixed order.

        Raises:
            SpaceError: When a real can be active.
        """
        return self._constraints.distinct(self.iterate())

    def iterate(
        self, *, resolution: int | None = None, after: Mapping[str, Any] | None = None
    ) -> Iterator[Architecture]:
        """Every architecture that keeps the constraints, in the order of iteration; spellings are not joined.

        It needs no memory in proportion to the space, and begins after any given architecture at once.

        Args:
            resolution: At how many points to take a real: evenly spaced on its own scale (logarithmic where it is
                logarithmic), both ends included; a single point is the middle. None allows no reals.
            after: The architecture to go on after; None begins with the first.

        Raises:
            UsageError: When `after` is not on the grid.
            SpaceError: When a real can be active and has no resolution, or the constraints refuse 1,000,000 in a row.
        """

        def wheel(decision: Decision) -> Iterator[Any]:
            if resolution is not None and decision.size == math.inf:
                return iter(decision.alternatives(resolution))
            return decision.values()

        return self._constraints.allowed(
            map(Architecture._adopt, enumerate_plan(self.plan, wheel=wheel, after=after)), _REFUSED
        )

    def contains(self, architecture: Mapping[str, Any]) -> bool:
        """True if exactly the active decisions have values they can take, and the constraints hold."""
        try:
            made = self.validate(architecture)
        except SpaceError:
            return False
        return made == Architecture(architecture) and self._constraints.allow(made)

    def __contains__(self, architecture: object) -> bool:
        return isinstance(architecture, Mapping) and self.contains(architecture)

    def to_json(self, architecture: Architecture) -> dict[str, Any]:
        """The architecture as a dict of JSON's own types."""
        return architecture.to_json()

    def from_json(self, data: Any) -> Architecture:
        """The architecture that `to_json` wrote; the constraints are not asked.

        Raises:
            SpaceError: When the data is no architecture of this space.
        """
        return self.validate(Architecture.from_json(data))

    def canonical(self, architecture: Architecture) -> Hashable:
        """Key that is equal for two spellings of the same network.

        Raises:
            SpaceError: When the space's own `canonicalize` fails, or gives what cannot be hashed.
        """
        return self._constraints.canonical(architecture)

    # Encoding

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.decisions)

    @property
    def columns(self) -> int:
        """The length of an encoding."""
        return self._encoding.columns

    def encode(self, architecture: Architecture) -> NDArray[np.float64]:
        """The architecture as a vector of `columns` numbers; `decode` is its exact inverse.

        A categorical is one-hot, an integer or real one number in [0, 1] on its scale, a subset one 0 or 1 an
        item; every number of an inactive decision is -1.

        Raises:
            SpaceError: When an address is none of this space, or a value has no code.
        """
        return np.array(self._encoding.encode(architecture._values))

    def decode(self, vector: Sequence[float] | NDArray[np.float64]) -> Architecture:
        """The architecture whose encoding is nearest, decision by decision; any finite numbers have one.

        Raises:
            SpaceError: When the length is not `columns`, a number is not finite, or a constraint refuses the result.
        """
        architecture = self._restored(self._encoding.decode(vector), None)
        if not self._constraints.allow(architecture):
            raise SpaceError(f"the vector decodes to {architecture!r}, which the constraints refuse")
        return architecture

    # Networks

    def build(self, architecture: Architecture, example: Any = None) -> nn.Module:
        """The plain network of an architecture. See `archwright.spaces.build.build`."""
        from archwright.spaces.build import build

        return cast("nn.Module", build(self, architecture, example))

    def training_values(self, architecture: Architecture) -> dict[str, Any]:
        """What the architecture says of the training: name to value, for the names given as `training`."""
        if not self.training:
            return {}
        return cast("dict[str, Any]", resolve(self, architecture, self.training, ("training",)))

    def graph(self, architecture: Architecture) -> Graph:
        """The network's calls as a labelled graph. See `archwright.spaces.graph.Graph`."""
        return graph_of(resolve(self, architecture))

    def scale(self, **changes: Any) -> Space:
        """The same decisions at another scale: an architecture of the one space is one of the other.

        Args:
            changes: Options such as `cells=20, channels=36`, for what the space was given as `scaled`.

        Raises:
            SpaceError: When the space has no other scale, an option is unknown, or one changes the decisions.
        """
        return cast("Space", rescale(self, self.scaled, changes))

    def address_of(self, decision: Decision) -> str:
        """The address of a decision object of this space.

        Raises:
            SpaceError: When the decision is not part of this space.
        """
        try:
            return self._addresses[id(decision)]
        except KeyError:
            raise SpaceError(f"{decision!r} is not a decision of this space") from None

    # Telling spaces apart

    def describe(self) -> dict[str, Any]:
        """Name, size and decisions as a dict of JSON's own types; a size that is too long to print is None."""
        return {
            "name": self.name,
            "size_bound": printable_size(self.size_bound),
            "decisions": described_decisions(self.decisions),
        }

    @cached_property
    def digest(self) -> str:
        """A short hash of decisions, calls and arguments: differs when the space was changed meanwhile."""
        return short_hash([described_decisions(self.decisions), self._fingerprint, self._constraints.names])

    def __repr__(self) -> str:
        size = shown_size(self.size_bound)
        return f"Space({self.name or 'unnamed'}: {count_of(len(self.decisions), 'decision')}, {size} architectures)"
