"""Reading a network: its graph is taken with `torch.export`, and what shrinks together is found in it."""

from __future__ import annotations

import operator
import warnings
from collections import defaultdict, deque
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.export import Dim as Dynamic
from torch.export import ShapesCollection
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree

from archwright.pretrained.dimensions import FOREIGN, Atoms, Dim
from archwright.pretrained.examples import Inputs, sized, told
from archwright.pretrained.rules import LAYERS, PRODUCTS, Call, rule_of, unknown

__all__ = ["Group", "Place", "channel_groups"]

_BATCH = 7
"""Rows of the traced batch, a size that stands for no width."""

_REACH = 40
"""Nodes behind a view among which a product is looked for."""

Place: TypeAlias = tuple[str, int]
"""A parameter or buffer by its name, and a dimension of it."""


@dataclass(frozen=True)
class Group:
    """Channels that are interchangeable: any of them may be dropped, each in all places at once."""

    name: str
    """The first parameter whose outputs they are."""
    places: dict[Place, list[list[int]]]
    """For each place, the indices of each channel."""
    consumers: tuple[Place, ...]
    """Those of the places over which a product sums."""
    normalised: bool = False
    """Whether a norm over channels mixes them."""
    heads: bool = False
    """Whether they are heads of attention."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Modules and their attributes that hold how many there are, or a multiple of it."""
    reason: str | None = None
    """Why they stay; None where they are free."""

    @property
    def width(self) -> int:
        """How many channels there are."""
        return len(next(iter(self.places.values())))


def channel_groups(network: nn.Module, inputs: Inputs) -> list[Group]:
    """What may shrink in a network, not yet proven, and what stays with the reason.

    Args:
        network: Any module; it is not changed.
        inputs: What it is called with.

    Returns:
        The groups in the order of the parameters. Where `torch.export` refuses the network, all are fixed.
    """
    atoms = Atoms()
    names: dict[int, str] = {}
    tensors: dict[str, list[Dim]] = {}
    alias: dict[str, str] = {}
    for name, one in [
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    ]:
        alias[name] = names.setdefault(id(one), name)
        if alias[name] == name:
            tensors[name] = [Dim(atoms.new(size), (name, axis)) for axis, size in enumerate(one.shape)]
    reached = set(tensors)
    for training in (False, True):
        reached &= _walk(deepcopy(network).train(training), inputs, atoms, tensors, alias)
    for name in set(tensors) - reached:
        atoms.fix(tensors[name], "the example does not reach it in both modes, training and evaluation")
    return _groups(atoms, tensors)


def _walk(
    network: nn.Module,
    inputs: Inputs,
    atoms: Atoms,
    tensors: dict[str, list[Dim]],
    alias: dict[str, str],
) -> set[str]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what the forward assigns to its own attributes
            args, kwargs = sized(inputs, _BATCH)
            shapes = ShapesCollection()  # type: ignore[no-untyped-call]
            for one in _pytree.tree_leaves((args, kwargs)):
                if isinstance(one, Tensor) and one.ndim:
                    shapes[one] = {0: Dynamic.AUTO}
            program = torch.export.export(
                network,
                args,
                kwargs,
                dynamic_shapes=shapes.dynamic_shapes(network, args, kwargs),  # type: ignore[no-untyped-call]
                strict=False,
            )
    except BaseException as error:  # whatever the user's forward or the exporter raises
        for dims in tensors.values():
            atoms.fix(dims, f"torch.export refuses the network: {told(error)}")
        return set(tensors)
    state: dict[Any, Any] = {}
    reached = set()
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    kinds = [spec.kind for spec in program.graph_signature.output_specs]
    for node in program.graph.nodes:
        if node.op == "placeholder":
            spec = specs[node.name]
            if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
                name = alias[spec.target]
                state[node] = tensors[name]
                reached |= {name} if node.users or not tensors[name] else set()
            else:
                state[node] = [FOREIGN] * len(_shape(node) or ())
        elif node.op == "call_function":
            state[node] = _called(node, state, atoms)
        elif node.op == "output":
            for kind, one in zip(kinds, node.args[0], strict=True):
                if kind is OutputKind.USER_OUTPUT and one in state:
                    atoms.fix(state[one] or (), "it is the network's output")
    return reached


def _shape(node: Any) -> Any:
    value = node.meta.get("val") if isinstance(node, torch.fx.Node) else None
    if isinstance(value, Tensor):
        return [_size(one) for one in value.shape]
    if isinstance(value, list | tuple):
        return [[_size(one) for one in part.shape] for part in value if isinstance(part, Tensor)]
    return None


def _size(size: Any) -> int:
    return int(size.node.hint) if isinstance(size, torch.SymInt) else int(size)


def _called(node: Any, state: dict[Any, Any], atoms: Atoms) -> Any:
    if node.target is operator.getitem:
        parts = state.get(node.args[0])
        return parts[node.args[1]] if parts else None
    out = _shape(node)
    if not isinstance(
        node.target, torch._ops.OpOverload
    ):  # sizes, or a part of the graph that runs as a whole
        for one in node.all_input_nodes:
            atoms.fix(state.get(one) or (), f"no rule for {node.target}")
        return [FOREIGN] * len(out) if out is not None else None
    if out is None and not node.users:
        return None
    raw = [*node.args, *(one for one in node.kwargs.values())]
    flat = [part for one in raw for part in (one if isinstance(one, list | tuple) else [one])]
    shapes = [_shape(one) for one in flat if _shape(one) is not None]

    def read(one: Any) -> Any:
        if isinstance(one, torch.fx.Node):
            return state.get(one)
        return [read(part) for part in one] if isinstance(one, list | tuple) else None

    numbers = [_number(one) for one in raw]
    name = node.target._schema.name.split("::")[-1]
    call = Call(atoms, name, [read(one) for one in raw], numbers, shapes, out, heads=_splits_heads(node))
    if out is None:  # several results that only `getitem` tells apart
        uses = {user.args[1]: _shape(user) for user in node.users if user.target is operator.getitem}
        call.out = [uses.get(index) for index in range(max(uses, default=-1) + 1)]
        if not call.out or None in call.out:
            for dims in call.tensors():
                atoms.fix(dims, f"{call.name} gives parts that are not used")
            call.out = [[] if one is None else one for one in call.out]
            return [[FOREIGN] * len(shape) for shape in call.out]
    try:
        return rule_of(node.target)(call)
    except (
        IndexError,
        TypeError,
        ValueError,
    ):  # a form of the call that its rule does not know: all of it stays
        return unknown(call)


def _splits_heads(node: Any) -> bool:
    """Whether what a view gives is multiplied with other activations before any layer sees it."""
    before, after = _shape(node.args[0]) if node.args else None, _shape(node)
    if (
        before is None
        or after is None
        or not after
        or isinstance(after[0], list)
        or len(after) <= len(before)
    ):
        return False
    seen, waiting = {node}, deque([node])
    while waiting and len(seen) < _REACH:
        for user in waiting.popleft().users:
            name = user.target._schema.name.split("::")[-1] if hasattr(user.target, "_schema") else ""
            if name in PRODUCTS:
                return True
            if user not in seen and name not in LAYERS:
                seen.add(user)
                waiting.append(user)
    return False


def _number(one: Any) -> Any:
    if isinstance(one, list | tuple):
        return [_number(part) for part in one]
    if isinstance(one, torch.fx.Node):
        value = one.meta.get("val")
        return _size(value) if isinstance(value, int | torch.SymInt) else value
    return one


def _groups(atoms: Atoms, tensors: dict[str, list[Dim]]) -> list[Group]:
    classes: dict[int, dict[Place, list[int]]] = defaultdict(lambda: defaultdict(list))
    for name, dims in tensors.items():
        for axis, dim in enumerate(dims):
            assert dim.labels is not None
            for index, atom in enumerate(dim.labels):
                classes[atoms.find(int(atom))][name, axis].append(index)
    mixed = {atoms.find(one) for one in atoms.normalised}
    heads = {atoms.find(one) for one in atoms.heads}
    alike: dict[Any, list[int]] = defaultdict(list)
    for root, places in classes.items():
        signature = tuple((place, len(indices)) for place, indices in places.items())
        alike[signature, atoms.reason(root)].append(root)
    return [
        Group(
            name=signature[0][0][0],
            places={place: [classes[root][place] for root in roots] for place, _ in signature},
            consumers=tuple(place for place, _ in signature if place in atoms.consumers),
            normalised=not mixed.isdisjoint(roots),
            heads=not heads.isdisjoint(roots),
            reason=reason,
        )
        for (signature, reason), roots in alike.items()
    ]
