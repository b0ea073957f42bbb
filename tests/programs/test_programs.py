"""Programs: text, what has an effect, fitness, evolution, the printed algorithm."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_loop import fitness as plain_fitness

from archwright.errors import SpaceError
from archwright.export.checking import executed
from archwright.programs import Lanes, Program, Runner, program_of, program_settings, program_space
from archwright.programs.arrays import from_arrays, to_arrays
from archwright.programs.island import Island, IslandOptions
from archwright.programs.simplifying import simplify
from archwright.programs.source import print_algorithm
from archwright.testing.space_contract import SpaceContract

HUMAN = Program.parse("""
setup:
  s2 = 0.1
predict:
  s1 = dot(v0, v1)
learn:
  s3 = s0 - s1
  s3 = s3 * s2
  v2 = s3 * v0
  v1 = v1 + v2
""")
NETWORK = Program.parse("""
setup:
  s3 = 0.05
  v3 = gaussian(0.0, 0.5)
  m0 = gaussian(0.0, 0.5)
predict:
  v1 = dot(m0, v0)
  v2 = maximum(v1, v8)
  s1 = dot(v2, v3)
learn:
  s2 = s0 - s1
  s2 = s3 * s2
  v4 = s2 * v2
  v5 = heaviside(v1)
  v6 = s2 * v3
  v6 = v6 * v5
  m1 = outer(v6, v0)
  v3 = v3 + v4
  m0 = m0 + m1
""")


class TestSpace(SpaceContract):
    make = staticmethod(lambda: program_space(program_settings("linear", 4), False))


class TestNetworkSpace(SpaceContract):
    make = staticmethod(lambda: program_space(program_settings("network", 4, initial=(3, 4, 5)), True))


def linear_tasks(count, examples=60, features=4, seed=0):
    random = np.random.default_rng(seed)

    def task():
        weights = random.standard_normal(features)
        seen, others = random.standard_normal((2, examples, features))
        return seen, seen @ weights, others, others @ weights

    return [task() for _ in range(count)]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_text_and_arrays_give_a_program_back(seed):
    program = program_of(program_space(program_settings("all", 4, initial=(9, 9, 9)), False).sample(seed))
    assert Program.parse(str(program)) == program
    assert from_arrays(*to_arrays(program.functions, 12)) == program


@pytest.mark.parametrize("line", ["s1 = s2 ? s3", "s1 = dot(v0, s1)", "v1 = 0.5", "hello"])
def test_what_is_no_instruction_is_refused(line):
    with pytest.raises(SpaceError, match="expected an instruction"):
        Program.parse(f"learn:\n{line}")


@pytest.mark.parametrize("text", ["s0 = s1 + s2", "s1 = s2 + s9", "s1 = sin(s2)", "s1 = s2 + s3\n" * 20])
def test_what_the_space_does_not_hold_is_refused(text):
    space = program_space(program_settings("network", 4), True)
    assert not space.contains({**space.default, "learn": text})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_skipped_instructions_have_no_effect(seed):
    made = program_settings("all", 4, memory=(5, 4, 3), initial=(6, 6, 10))
    program = program_of(program_space(made, False).sample(seed))
    runner, lanes = Runner(4, (5, 4, 3), 3), Lanes.of(linear_tasks(3, 8), False)
    whole = runner.fitness(program, lanes, skips=False)
    assert runner.fitness(program, lanes)[0] == whole[0]
    if not any(one.operation.draws for function in program.functions for one in function):
        assert runner.fitness(program.simplified(), lanes, skips=False)[0] == whole[0]


@pytest.mark.parametrize("program", [HUMAN, NETWORK], ids=["linear", "network"])
@pytest.mark.parametrize("is_accuracy", [False, True])
def test_fitness_equals_a_plain_loop(program, is_accuracy):
    memory, tasks = (5, 9, 2), linear_tasks(3)
    if is_accuracy:
        tasks = [(x, (y > 0) * 1.0, v, (w > 0) * 1.0) for x, y, v, w in tasks]
    lanes = Lanes.of(tasks, is_accuracy, seed=3)
    found = Runner(4, memory, 3).fitness(program, lanes)[1]
    for task, seed, value in zip(tasks, lanes.seeds, found, strict=True):
        plain = [part.tolist() for part in task]
        assert plain_fitness(program, memory, plain, int(seed), is_accuracy) == pytest.approx(
            value, abs=1e-12
        )


def test_the_human_program_solves_linear_regression():
    assert Runner(4, (4, 3, 1), 3).fitness(HUMAN, Lanes.of(linear_tasks(3, 1000), False))[0] > 0.9999


@pytest.mark.parametrize("label", [np.nan, 1e3])
def test_a_task_without_a_bound_on_its_error_scores_nothing(label):
    tasks = linear_tasks(3)
    tasks[0][1][-1] = label
    mean, each = Runner(4, (4, 3, 1), 3).fitness(HUMAN, Lanes.of(tasks, False))
    assert each[0] == 0
    assert each[1] > 0.9
    assert mean == pytest.approx(each.mean())


def island(**options):
    lanes = Lanes.of(linear_tasks(3, 30), False)
    made = Island(
        program_settings("linear", 4), lanes, IslandOptions(population=50, tournament=5, **options), 7
    )
    made.begin()
    return made


def test_evolution_gets_better_and_is_the_same_for_the_same_seed():
    first, second = island(), island()
    begin = first.scores.max()
    first.evolve(3000)
    second.evolve(3000)
    assert first.scores.max() > begin
    assert first.best(3) == second.best(3)


def test_skipping_and_the_cache_change_no_fitness():
    """What the cache takes for equal makes the same errors on 20 examples, so that fitness hardly differs."""
    plain, skipping = island(cache=False, skip=False), island(cache=False)
    plain.evolve(1500)
    skipping.evolve(1500)
    np.testing.assert_array_equal(plain.scores, skipping.scores)
    cached = island()
    cached.evolve(3000)
    assert cached.counted()["cached"] > 500
    runner = Runner(4, (4, 3, 1), 3)
    for score, program in cached.best(5):
        assert runner.fitness(program, cached.lanes)[0] == pytest.approx(score, abs=0.02)


def test_a_hurdle_rejects():
    found = island(hurdle=50.0)
    found.evolve(3000)
    counted = found.counted()
    assert counted["rejected"] > 50
    assert counted["cached"] + counted["rejected"] + counted["evaluated"] == 3000


def test_an_island_goes_on_from_its_state():
    one, other = island(), island()
    one.evolve(500)
    other.evolve(300)
    state = {name: array.copy() for name, array in other.state().items()}
    again = island()
    again.load(state)
    again.evolve(200)
    assert again.best(5) == one.best(5)
    assert again.counted() == one.counted()


def test_a_state_without_a_cache_is_read():
    """As an earlier version kept it."""
    one, again = island(), island()
    one.evolve(300)
    state = {
        name: array.copy() for name, array in one.state().items() if name not in ("keys", "values", "hits")
    }
    again.evolve(50)  # what it has in its cache goes
    again.load(state)
    assert not again.state()["keys"].any()
    assert again.best(5) == one.best(5)
    again.evolve(50)


def test_migrants_take_the_places_of_the_oldest():
    one, other = island(), island()
    one.evolve(100)
    other.receive(sent := one.some(5, Random(0)))
    assert [score for score, _ in sent] == other.scores[:5].tolist()


@pytest.mark.parametrize("is_classes", [False, True])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_printed_algorithm_equals_the_interpreter(is_classes, seed, tmp_path_factory):
    made = program_settings("all", 4, memory=(5, 4, 3), initial=(5, 6, 8))
    check_printed(
        program_of(program_space(made, is_classes).sample(seed)), is_classes, tmp_path_factory.mktemp("a")
    )


@pytest.mark.parametrize("program", [HUMAN, NETWORK], ids=["linear", "network"])
def test_the_printed_human_program_learns(program, tmp_path):
    check_printed(program, False, tmp_path, examples=200, memory=(5, 9, 2))


def check_printed(program, is_classes, folder, examples=3, memory=(5, 4, 3)):
    inputs, labels, others, _ = linear_tasks(1, examples)[0]
    labels = (labels > 0) * 1.0 if is_classes else labels
    path = folder / "algorithm.py"
    path.write_text(print_algorithm(program, 4, is_classes))
    assert "archwright" not in path.read_text()
    runner = Runner(4, memory)
    if not runner.train(program, inputs, labels, is_classes=is_classes):
        return
    learned = runner.memory_now.copy()
    found = runner.predict(program, learned, others, is_classes=is_classes, step=examples)
    with np.errstate(all="ignore"):
        found = 1 / (1 + np.exp(-found)) if is_classes else found
    with executed(path) as module:
        given = module.predict(module.fit(inputs, labels), others)
    np.testing.assert_allclose(given, found, rtol=1e-9, atol=1e-9)


def test_simplifying_keeps_what_is_needed():
    """First weights that are not zero make no difference after 1,000 examples; what cannot have an effect goes too."""
    spoiled = Program.parse(
        str(HUMAN)
        .replace("s2 = 0.1", "s2 = 0.1\n  v1 = broadcast(s2)")
        .replace("learn:", "learn:\n  v2 = v0 - v1")
    )
    assert len(spoiled.simplified()) == len(HUMAN) + 1
    runner, lanes = Runner(4, (4, 3, 1), 3), Lanes.of(linear_tasks(3, 1000), False)
    short, fitness = simplify(spoiled, lambda program: runner.fitness(program, lanes)[0])
    assert short == HUMAN
    assert fitness == runner.fitness(HUMAN, lanes)[0]


def test_the_state_of_a_space_is_json():
    space = program_space(program_settings("linear", 4), False)
    json.dumps(space.describe())
