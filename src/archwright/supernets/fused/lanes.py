# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""Vectors of the machine inside compiled functions: the words in which the kernels of this package are written.

numba translates loops over scalars and leaves it to LLVM to find the vectors in them, which it does for simple loops
only. The kernels here say their vectors themselves: a value of `lanes` type is `LANES` numbers of float32 in one
register. LLVM maps it to whatever the machine has. Memory is named by addresses (`Tensor.data_ptr()`, an int64), so
that one call can work on a table of tensors; offsets are in numbers of float32, not in bytes.

The functions below can be called only inside `numba.njit` functions.
"""

from __future__ import annotations

import operator
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, overload, register_model

__all__ = [
    "LANES",
    "fma",
    "greater",
    "load",
    "maximum",
    "multiply_accumulate",
    "number",
    "put",
    "select",
    "zeros",
]

LANES = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 8
"""float32 numbers in a vector: one register of the machine."""

_FLOAT = ir.FloatType()
_INT = ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_BYTES = 4


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="lanes")


def word(generate: Any) -> Any:
    """A function that compiled functions can call, and that writes itself into their code."""
    return intrinsic(generate)


lanes_type: Any = _Lanes()


@register_model(_Lanes)
class _LanesModel(PrimitiveModel):
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _VECTOR)  # type: ignore[no-untyped-call]


def _splat(builder: Any, scalar: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), mask)


def _pointer(builder: Any, address: Any, offset: Any, of: Any) -> Any:
    """The pointer to the float32 number `offset` places after the address."""
    if isinstance(offset, int):
        offset = ir.Constant(_INT, offset)
    first = builder.inttoptr(address, _FLOAT.as_pointer())
    return builder.bitcast(builder.gep(first, [offset]), of.as_pointer())


def _load(builder: Any, address: Any, offset: Any) -> Any:
    value = builder.load(_pointer(builder, address, offset, _VECTOR))
    value.align = _BYTES
    return value


def _store(builder: Any, value: Any, address: Any, offset: Any) -> None:
    builder.store(value, _pointer(builder, address, offset, _VECTOR), align=_BYTES)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    name = f"llvm.fmuladd.v{LANES}f32"
    function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR, _VECTOR]), name
    )
    return builder.call(function, [a, b, c])


@word
def zeros(context):
    """A vector of zeros."""
    return lanes_type(), lambda context, builder, signature, arguments: ir.Constant(_VECTOR, [0.0] * LANES)


@word
def number(context, value):
    """A vector that holds one number in every place."""

    def generate(context, builder, signature, arguments):
        return _splat(builder, context.cast(builder, arguments[0], signature.args[0], types.float32))

    return lanes_type(value), generate


@word
def load(context, address, offset):
    """The vector at `offset` numbers after the address."""
    return lanes_type(types.int64, types.int64), lambda context, builder, signature, arguments: _load(
        builder, *arguments
    )


@word
def put(context, value, address, offset):
    """Writes a vector to `offset` numbers after the address."""

    def generate(context, builder, signature, arguments):
        _store(builder, *arguments)
        return context.get_dummy_value()

    return types.void(lanes_type, types.int64, types.int64), generate


@word
def fma(context, a, b, c):
    """A * b + c."""
    return lanes_type(
        lanes_type, lanes_type, lanes_type
    ), lambda context, builder, signature, arguments: _multiply_add(builder, *arguments)


@word
def maximum(context, a, b):
    """The larger of each two numbers; where `a` is no number, `a`."""

    def generate(context, builder, signature, arguments):
        first, second = arguments
        return builder.select(builder.fcmp_ordered("<", first, second), second, first)

    return lanes_type(lanes_type, lanes_type), generate


@word
def greater(context, a, b, value):
    """`value` where a > b, else zero."""

    def generate(context, builder, signature, arguments):
        first, second, value = arguments
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered(">", first, second), value, zero)

    return lanes_type(lanes_type, lanes_type, lanes_type), generate


@word
def select(context, a, b, equal, other):
    """`equal` where a == b, else `other`."""

    def generate(context, builder, signature, arguments):
        first, second, equal, other = arguments
        return builder.select(builder.fcmp_ordered("==", first, second), equal, other)

    return lanes_type(lanes_type, lanes_type, lanes_type, lanes_type), generate


def _binary(name: str) -> Any:
    @word
    def operation(context, a, b):
        return lanes_type(lanes_type, lanes_type), lambda context, builder, signature, arguments: getattr(
            builder, name
        )(*arguments)

    return operation


def _overload_operator(function: Any, operation: Any) -> None:
    @overload(function)
    def overloaded(a, b):
        if isinstance(a, _Lanes) and isinstance(b, _Lanes):
            return lambda a, b: operation(a, b)
        return None


for _function, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _overload_operator(_function, _binary(_name))


def multiply_accumulate(width: int, step: int, *, over_pixels: bool, broadcast: bool, fresh: bool) -> Any:
    """Makes the innermost loop of a kernel: `width` vectors, kept in registers, each a sum of products.

    With t the sums, f the factors, s the source, o the table of offsets, all vectors:

    - over pixels: t[i] = sum_k f[k] * s[o[k] + i * step], a sum for each of neighbouring pixels;
    - else: t[i] = sum_k f[k] * s[o[i] + k * step], a sum for each entry of the table. With `broadcast`,
      o[i] is i and the table is not read.

    Eight or more sums hide the latency of the machine's multiply-add, and a loaded factor serves all of them.

    Args:
        width: Number of sums.
        step: From one pixel of the source to the next, in numbers.
        over_pixels: Which of the two.
        broadcast: Whether of the source one number is taken, for all places of the vector, instead of a vector.
        fresh: Whether the sums start at zero instead of at what the target holds.

    Returns:
        A function (target, target_step, source, offsets, factors, count): addresses, the distance between the sums
        in the target in numbers, and the number of k.
    """

    @word
    def tile(context, target, target_step, source, offsets, factors, count):
        return types.void(*[types.int64] * 6), generate

    def generate(context, builder, signature, arguments):
        target, target_step, source, offsets, factors, count = arguments

        def constant(value: int) -> Any:
            return ir.Constant(_INT, value)

        def offset(index: Any) -> Any:
            return builder.load(builder.gep(builder.inttoptr(offsets, _INT.as_pointer()), [index]))

        places = [builder.mul(target_step, constant(i)) for i in range(width)]
        start = [
            ir.Constant(_VECTOR, [0.0] * LANES) if fresh else _load(builder, target, place)
            for place in places
        ]
        table: list[Any] = []
        if not over_pixels and not broadcast:
            table = [offset(constant(i)) for i in range(width)]
        before = builder.block
        head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(_INT)
        index.add_incoming(constant(0), before)
        sums = [builder.phi(_VECTOR) for _ in range(width)]
        for total, value in zip(sums, start, strict=True):
            total.add_incoming(value, before)
        builder.cbranch(builder.icmp_signed("<", index, count), body, end)
        builder.position_at_end(body)
        factor = _load(builder, factors, builder.mul(index, constant(LANES)))
        if over_pixels:
            here = offset(index)
            where = [builder.add(here, constant(i * step)) for i in range(width)]
        else:
            here = builder.mul(index, constant(step))
            where = [builder.add(here, table[i] if table else constant(i)) for i in range(width)]
        nexts = []
        for total, place in zip(sums, where, strict=True):
            if broadcast:
                value = _splat(builder, builder.load(_pointer(builder, source, place, _FLOAT)))
            else:
                value = _load(builder, source, place)
            nexts.append(_multiply_add(builder, value, factor, total))
        following = builder.add(index, constant(1))
        index.add_incoming(following, builder.block)
        for total, value in zip(sums, nexts, strict=True):
            total.add_incoming(value, builder.block)
        builder.branch(head)
        builder.position_at_end(end)
        for total, place in zip(sums, places, strict=True):
            _store(builder, total, target, place)
        return context.get_dummy_value()

    return tile
