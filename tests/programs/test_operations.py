"""Each operation, compiled and in NumPy, beside a plain Python loop."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_loop import PlainLoop

from archwright.programs import OPERATIONS, Instruction, Runner, program_settings, program_space
from archwright.programs.compiling import COMPILED
from archwright.programs.interpreter import execute as execute_plain
from archwright.programs.random_numbers import mixed
from archwright.programs.space import program_of

MEMORY, FEATURES = (4, 3, 3), 4
NUMBERS = st.one_of(
    st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e300, -1e-300])
)
SIZE = MEMORY[0] + MEMORY[1] * FEATURES + MEMORY[2] * FEATURES**2


def filled(numbers):
    loop = PlainLoop(MEMORY, FEATURES, 0)
    numbers = list(numbers)
    loop.s = [numbers.pop() for _ in loop.s]
    loop.v = [[numbers.pop() for _ in row] for row in loop.v]
    loop.m = [[[numbers.pop() for _ in row] for row in m] for m in loop.m]
    return loop


def executes():
    if not COMPILED:
        return [execute_plain]
    from archwright.programs.kernels import execute

    return [execute_plain, execute]


def row_of(kind, address):
    first = {"s": 0, "v": MEMORY[0], "m": MEMORY[0] + MEMORY[1] * FEATURES}[kind]
    return first + address * FEATURES ** "svm".index(kind)


@pytest.mark.parametrize("op", range(1, 65), ids=[operation.text for operation in OPERATIONS[1:]])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_operation_equals_a_plain_loop(op, data):
    operation = OPERATIONS[op]
    loop = filled(data.draw(st.lists(NUMBERS, min_size=SIZE, max_size=SIZE)))
    memory = dict(zip("svm", MEMORY, strict=True))
    inputs = tuple(data.draw(st.integers(0, memory[kind] - 1)) for kind in operation.inputs)
    output = data.draw(st.integers(1 if operation.output in "sv" else 0, memory[operation.output] - 1))
    shares = st.floats(0, 1, exclude_max=True, width=32)
    constants = tuple(data.draw(shares) for _ in range(operation.constants))
    one = Instruction(op, inputs, output, constants)
    before = np.array(loop.numbers())[:, None].repeat(3, axis=1)
    loop.seed = 5
    loop.run(2, (Instruction(0), one), 3)
    expected = np.array(loop.numbers())
    with np.errstate(over="ignore"):
        keys = np.array([mixed(np.uint64(5 ^ (2 * 1024 + 2)))] * 3, np.uint64)
    rows = [row_of(kind, address) for kind, address in zip(operation.inputs, inputs, strict=True)]
    a, b = (*rows, 0, 0)[:2]
    for execute in executes():
        mem = np.concatenate([before, np.zeros((FEATURES**2, 3))])
        held = np.zeros((1, 3))
        held[0, : len(constants)] = constants
        execute(op, a, b, row_of(operation.output, output), held, 0, mem, keys, 3, (0, 0, 0), (0,) * FEATURES)
        for lane in range(3):
            np.testing.assert_allclose(mem[:SIZE, lane], expected, rtol=1e-12, atol=0, err_msg=str(one))


WIDE = (8, 6, 3)


def check_programs(count):
    """Random programs after one example, all of memory, with every instruction run."""
    made = program_settings("all", FEATURES, memory=WIDE, initial=(6, 6, 8))
    space, random, runner = program_space(made, False), Random(0), Runner(FEATURES, WIDE)
    for number in range(count):
        program = program_of(space.sample(random))
        example = np.random.default_rng(number).standard_normal(FEATURES)
        lives = runner.train(
            program, example[None], np.array([0.5]), is_classes=False, seed=number, skips=False
        )
        seed = int(np.random.SeedSequence(number).generate_state(1, np.uint64)[0])
        loop = PlainLoop(WIDE, FEATURES, seed)
        loop.run(0, program.setup, 0)
        loop.show(program.functions, example.tolist(), 0)
        assert lives == (abs(0.5 - loop.s[1]) <= 100)
        if lives:
            loop.s[0] = 0.5
            loop.run(2, program.learn, 0)
        found, expected = runner.memory_now[:, 0], np.array(loop.numbers())
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-12, equal_nan=True), str(program)


def test_random_programs_equal_a_plain_loop():
    check_programs(100)


@pytest.mark.slow
def test_ten_thousand_random_programs_equal_a_plain_loop():
    check_programs(10_000)
