# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
# Compiled functions: numba infers their types.
"""Rows of memory as values: one number for each of T tasks, on which arithmetic takes a few vector instructions.

A loop over the tasks would stay scalar: the compiler cannot know that the row which it writes is none of those that it
reads. An array of any shape whose last axis is the tasks counts as rows, one after the other, and is not checked for
its end. Without numba `plain_rows` stands in.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, register_model

__all__ = ["absolute", "any_less", "load", "spread", "store", "where_less"]

intrinsic: Any = _intrinsic


class _Row(types.Type):
    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Row({count})")


def _vector(row: Any) -> Any:
    return ir.VectorType(ir.DoubleType(), row.count)


@register_model(_Row)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager: Any, row: Any) -> None:
        super().__init__(manager, row, _vector(row))


def _place(context: Any, builder: Any, kind: Any, array: Any, number: Any, row: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    first = builder.mul(number, ir.Constant(number.type, row.count))
    return builder.bitcast(builder.gep(data, [first]), _vector(row).as_pointer())


@intrinsic
def load(typing, array, row, lanes):
    """The row of an array at a place; `lanes` are as many zeros as there are tasks."""

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        place = _place(context, builder, kinds.args[0], given[0], given[1], kinds.return_type)
        return builder.load(place, align=8)

    return signature(_Row(len(lanes)), array, types.intp, lanes), generate


@intrinsic
def store(typing, array, row, value):
    """Write a row into an array."""

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        builder.store(
            given[2], _place(context, builder, kinds.args[0], given[0], given[1], kinds.args[2]), align=8
        )
        return context.get_dummy_value()

    return signature(types.none, array, types.intp, value), generate


@intrinsic
def spread(typing, number, lanes):
    """A row of one number."""

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        kind, i32 = _vector(kinds.return_type), ir.IntType(32)
        one = builder.insert_element(ir.Constant(kind, ir.Undefined), given[0], ir.Constant(i32, 0))
        zeros = ir.Constant(ir.VectorType(i32, kind.count), [0] * kind.count)
        return builder.shuffle_vector(one, one, zeros)

    return signature(_Row(len(lanes)), types.float64, lanes), generate


@intrinsic
def absolute(typing, x):
    """Its absolute values."""

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        kind = ir.FunctionType(_vector(x), [_vector(x)])
        name = f"llvm.fabs.v{x.count}f64"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)

    return signature(x, x), generate


@intrinsic
def where_less(typing, x, y, then, other):
    """The numbers of `then` where those of x are less than those of y, else of `other`; so where one is NaN."""

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", given[0], given[1]), given[2], given[3])

    return signature(x, x, x, x, x), generate


@intrinsic
def any_less(typing, x, y):
    """Whether a number of x is less than that of y."""

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        bits = ir.IntType(x.count)
        found = builder.bitcast(builder.fcmp_ordered("<", *given), bits)
        return builder.icmp_unsigned("!=", found, ir.Constant(bits, 0))

    return signature(types.boolean, x, x), generate


def _arithmetic(function: Any, name: str) -> None:
    class _OfRows(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            is_rows = len(args) == 2 and isinstance(args[0], _Row) and args[0] == args[1]
            return signature(args[0], *args) if is_rows else None

    def generate(context: Any, builder: Any, kinds: Any, given: Any) -> Any:
        return getattr(builder, name)(*given)

    infer_global(function)(_OfRows)
    lower_builtin(function, _Row, _Row)(generate)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
