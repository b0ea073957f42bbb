"""The weight-sharing interpreter: an expression becomes one module that holds every architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from archwright.errors import BuildError
from archwright.spaces import Arithmetic, Decision, DeferredCall, Generated, Repeat, Space, Switch, Tied, When
from archwright.spaces.expression import children_of
from archwright.spaces.fold import Fold
from archwright.spaces.place import Place, arguments
from archwright.supernets.arguments import (
    Argument,
    Choice,
    DictArg,
    Edge,
    Fixed,
    ListArg,
    RepeatArg,
    Value,
    resolved,
)
from archwright.supernets.elastic import Elastic, call
from archwright.supernets.gates import Gates, Selector
from archwright.supernets.mixed import GatedEdge, MixedOp
from archwright.supernets.shared_weights import own_tensors

__all__ = ["Interpreter"]


class Interpreter(Fold[None, Argument]):
    """One walk over a space's network.

    Args:
        space: The space.
        gates: What the modules read.
        allowed: Address to the values that are built, for decisions of which not all are.

    Attributes:
        made: The module of each call, by its structural key.
        edges: For each subset, item by item, the addresses of the decisions that select the operation on its edge.
    """

    def __init__(self, space: Space, gates: Gates, allowed: Mapping[str, Sequence[Any]]) -> None:
        self.space, self.gates, self.allowed = space, gates, allowed
        self.made: dict[tuple[Any, ...], nn.Module] = {}
        self.edges: dict[str, dict[int, dict[str, None]]] = {}
        self._tied: dict[int, Argument] = {}

    def network(self) -> nn.Module:
        """The module of the whole network.

        Raises:
            BuildError: When the expression cannot be built with all its parts at once.
        """
        module = _module(self.visit(self.space.network, Place(), None))
        if module is None:
            raise BuildError("expected the space's network to be a torch.nn.Module")
        return module

    def value(self, node: Decision | Arithmetic, place: Place, context: None) -> Argument:
        """Read when the network runs."""
        return Value(Selector(node, self.gates))

    def repeat(self, node: Repeat, place: Place, context: None) -> Argument:
        """All bodies are built."""
        place = place.named(node.name)
        bodies = [self.visit(body, place.part(i), None) for i, body in enumerate(node.bodies)]
        return RepeatArg(Selector(node.times, self.gates), bodies)

    def tied(self, node: Tied, place: Place, context: None) -> Argument:
        """Built where it is met first."""
        if id(node) not in self._tied:
            self._tied[id(node)] = self.visit(node.body, place.named(node.name).tied(node), None)
        return self._tied[id(node)]

    def sequence(self, node: list[Any] | tuple[Any, ...], place: Place, context: None) -> Argument:
        """Each item is built."""
        return ListArg(node, [self.visit(item, place.argument(str(i)), None) for i, item in enumerate(node)])

    def mapping(self, node: dict[Any, Any], place: Place, context: None) -> Argument:
        """Each value is built."""
        return DictArg(
            node, {key: self.visit(item, place.argument(str(key)), None) for key, item in node.items()}
        )

    def plain(self, node: Any, place: Place, context: None) -> Argument:
        """Itself."""
        return Fixed(node)

    def call(self, node: DeferredCall, place: Place, context: None) -> Argument:
        """A module, or an elastic call where it depends on decisions."""
        return Fixed(self._call(node, place.named(node.name)))

    def generated(self, node: Generated, place: Place, context: None) -> Argument:
        """Refused: its calls are not known before the decisions are made."""
        raise BuildError(
            f"{place.named(node.name)}: there is no supernet of what {node!r} writes from decisions, whose calls "
            "differ from one architecture to the next; search this space by a strategy, such as --strategy evolution"
        )

    def _call(self, node: DeferredCall, place: Place) -> Any:
        args: list[Argument] = []
        kwargs: dict[str, Argument] = {}
        for keyword, value, at in arguments(node, place):
            part = self.visit(value, at, None)
            if keyword is None:
                args.append(part)
            else:
                kwargs[keyword] = part
        parts = [*args, *kwargs.values()]
        made: Any = None
        if not any(part.depends for part in parts):
            made = call(node.fn, *resolved(args, kwargs, {}), str(place))
        if made is None or _is_lazy(made, parts):
            made = Elastic(node.fn, args, kwargs, self.gates, str(place))
        if isinstance(made, nn.Module):
            self.made[place.structural_key] = made
        return made

    def switch(self, node: Switch, place: Place, context: None) -> Argument:
        """All options are built."""
        place = place.named(node.name)
        selector = Selector(node.selector, self.gates)
        if not any(map(_builds, node.options.values())):
            return Value(Selector(node, self.gates))
        labels = list(node.options)
        if isinstance(node.selector, Decision):
            address = self.space.address_of(node.selector)
            allowed = self.allowed.get(address) or self.space.decisions[address].held or labels
            labels = [label for label in labels if label in allowed]
        options = {label: self.visit(node.options[label], place.part(label), None) for label in labels}
        modules = {label: module for label, part in options.items() if (module := _module(part)) is not None}
        if len(modules) < len(options):
            return Choice(selector, options)
        return Fixed(MixedOp(selector, modules, str(place)))

    def when(self, node: When, place: Place, context: None) -> Argument:
        """The body is built, and gated."""
        place = place.named(node.name)
        selector = Selector(node.condition, self.gates)
        body = self.visit(node.body, place, None)
        module = _module(body)
        if module is None:
            return Choice(selector, {True: body})
        if (item := selector.item) is not None and isinstance(module, MixedOp):
            by_item = self.edges.setdefault(selector.reads[0], {})
            by_item.setdefault(item, {}).update(dict.fromkeys(module.selector.reads))
        return Edge(GatedEdge(selector, module, str(place)))


def _module(part: Argument) -> nn.Module | None:
    """The one module that a part always is."""
    return part.value if isinstance(part, Fixed) and isinstance(part.value, nn.Module) else None


def _builds(node: Any) -> bool:
    """Whether a call stands in a node."""
    return isinstance(node, DeferredCall) or any(map(_builds, children_of(node)))


def _is_lazy(made: Any, parts: list[Argument]) -> bool:
    """Whether a module has lazily sized weights of its own."""
    if not isinstance(made, nn.Module):
        return False
    inner = {id(inside) for part in parts for module in part.modules() for inside in module.modules()}
    return any(is_lazy(own.tensor) for own in own_tensors(made, inner))
