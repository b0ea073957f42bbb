"""Where the kernels take over: the cells of a supernet whose edges are mixtures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archwright.supernets.elastic import Elastic
from archwright.supernets.fused.cell import run_cell
from archwright.supernets.fused.operations import Operation, recognise
from archwright.supernets.fused.plan import Edge, Plan
from archwright.supernets.fused.zoo_blocks import is_block, is_class_of_block
from archwright.supernets.mixed import GatedEdge, MixedOp

__all__ = ["FusedCell", "accelerate"]


def accelerate(network: nn.Module) -> bool:
    """Let every cell of mixed operations run by the kernels where they can do what its gates ask.

    Cells are replaced by `FusedCell`, which holds the same parts under the same names: parameters, buffers and the
    state dict stay what they were.

    Args:
        network: Changed in place; the zoo's `Cell` modules inside it.

    Returns:
        Whether it has such cells, on the CPU, where the kernels run.
    """
    if any(parameter.device.type != "cpu" for parameter in network.parameters()):
        return False
    found = [
        (module, name, child)
        for module in network.modules()
        for name, child in module.named_children()
        if is_block(child, "Cell")
    ]
    for module, name, child in found:
        setattr(module, name, FusedCell(child))
    return any(isinstance(module, FusedCell) for module in network.modules())


class FusedCell(nn.Module):
    """A cell that runs by the kernels under mixtures, and otherwise as it is.

    The kernels do float32 on the CPU. They take over when some edge mixes; on any other device, number type or gate,
    under autocast or a tracer, the cell runs as torch would.

    Args:
        cell: Its parts are taken over.
    """

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.prepare, self.nodes = cell.prepare, cell.nodes
        self.training = cell.training
        self._plain = type(cell).forward  # reads nothing but the parts
        self._recognised: dict[nn.Module, Operation] = {}

    def forward(self, *inputs: Tensor) -> Tensor:
        """The nodes' states, concatenated along the channels."""
        mixed = self._mixed() if all(map(_fits, inputs)) and not _traced() else None
        if mixed is None:
            output: Tensor = self._plain(self, *inputs)
            return output
        plan, weights = mixed
        states = [prepare(x) for prepare, x in zip(self.prepare, inputs, strict=True)]
        return run_cell(plan, states, weights)

    def train(self, mode: bool = True) -> FusedCell:
        """Set the mode; what was known of the operations is looked up anew."""
        self._recognised.clear()
        super().train(mode)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_recognised": {}}

    def _mixed(self) -> tuple[Plan, list[Tensor]] | None:
        """The edges under the present gates and their weights; None when the kernels are not for them."""
        edges, weights = [], []
        mixing = False
        for number, node in enumerate(self.nodes):
            present = _edges_of(node)
            if present is None:
                return None
            for source, body in present:
                modules, weight, mixes = _weighed(body)
                mixing = mixing or mixes
                edges.append(Edge(number, source, modules, tuple(map(self._operation, modules))))
                weights.append(weight)
        if not mixing:
            return None
        plan = Plan(len(self.prepare), edges)
        return (plan, weights) if plan.is_known() and _is_float(plan.parameters) else None

    def _operation(self, module: nn.Module) -> Operation:
        known = self._recognised.get(module)
        if known is None:
            known = self._recognised[module] = recognise(module)
        return known


def _edges_of(node: Any) -> list[tuple[int, nn.Module]] | None:
    """The present edges of a node, by the state each reads; None when it is no plain node."""
    if isinstance(node, Elastic):
        if not is_class_of_block(node.fn, "CellNode") or any(
            address in node.gates.mixtures for address in node.reads
        ):
            return None
        node = node.form(node.gates.values)
    if not is_block(node, "CellNode"):
        return None
    return [(int(source), body) for source, body in node.edges.items()]


def _weighed(body: nn.Module) -> tuple[tuple[nn.Module, ...], Tensor, bool]:
    """The operations of an edge, their weights, and whether it mixes."""
    factor: Tensor | None = None
    if type(body) is GatedEdge:
        factor, body = body.weight(), body.body
    modules: tuple[nn.Module, ...] = (body,)
    weights, mixes = torch.ones(1), False
    if type(body) is MixedOp and body.mixer is None:
        chosen = body.selector.weighed()
        modules = tuple(body.option(value) for value, _ in chosen)
        given = [weight for _, weight in chosen]
        mixes = any(weight is not None for weight in given)
        weights = torch.stack([torch.ones(()) if weight is None else weight for weight in given])
    return modules, weights if factor is None else weights * factor, mixes


def _fits(x: Tensor) -> bool:
    return type(x) in (Tensor, nn.Parameter) and x.ndim == 4 and x.numel() > 0 and _is_float([x])


def _is_float(tensors: list[Tensor]) -> bool:
    return all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)


def _traced() -> bool:
    """Whether what runs is recorded, or its number types are chosen by torch."""
    return torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu")
