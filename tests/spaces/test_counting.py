"""Exact sizes of large spaces; each would take for ever if it were counted one by one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

import archwright.spaces as aw


def part(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Stands for a user's class."""
    return args, kwargs


def size(*parts: Any) -> float:
    return aw.Space(aw.layer(part, *parts)).size


@given(st.data())
def test_any_tangle_of_conditions_on_shared_decisions(data: st.DataObject) -> None:
    """Against listing all, on spaces where most decisions are wanted by several conditional parts."""
    items, count = (
        aw.subset(4, data.draw(st.sampled_from([2, (0, 2), (1, 4)])), name="items"),
        aw.integer(0, 3, name="n"),
    )
    flags = [aw.boolean(name=f"flag{i}") for i in range(2)]
    inner = [aw.choice(1, 2, name="a"), aw.boolean(name="b"), aw.subset(3, 1, name="c")]
    conditions = [
        *(items.has(i) for i in range(4)),
        items.equals((0, 1)),
        items.is_in([(2,), (1, 2), ()]),
        *(count > i for i in range(3)),
        *flags,
        flags[0] & ~flags[1],
        flags[1] | items.has(0),
        inner[1],
        inner[2].has(0),
        inner[0].equals(2) & items.has(3),
    ]

    def tangle(depth: int) -> list[Any]:
        return [
            aw.when(
                data.draw(st.sampled_from(conditions)),
                aw.layer(
                    part, data.draw(st.sampled_from([*inner, 0])), *(tangle(depth - 1) if depth else ())
                ),
            )
            for _ in range(data.draw(st.integers(1, 5)))
        ]

    space = aw.Space(aw.layer(part, *tangle(2)))
    assert space.size == sum(1 for _ in space)


def cells(operations: int, nodes: int, kinds: int, positions: int) -> aw.Space:
    """DARTS: each node takes 2 earlier ones, each edge one operation; the cells of a kind share all decisions."""
    made = []
    for kind in range(kinds):
        inputs = [aw.subset(node + 2, 2, name=f"{kind}.in{node}") for node in range(nodes)]
        edges = {
            (node, source): aw.categorical(range(operations), name=f"{kind}.op{node}{source}")
            for node in range(nodes)
            for source in range(node + 2)
        }
        made.append((inputs, edges))

    def cell(
        width: int, inputs: list[aw.Subset], edges: dict[tuple[int, int], aw.Categorical]
    ) -> aw.DeferredCall:
        return aw.layer(
            part,
            *(
                aw.when(
                    inputs[node].has(source),
                    aw.layer(part, aw.switch(op, {o: aw.layer(part, width, o) for o in range(operations)})),
                )
                for (node, source), op in edges.items()
            ),
        )

    return aw.Space(aw.layer(part, *(cell(16 * 2**i, *made[i % kinds]) for i in range(positions))))


def test_darts() -> None:
    """Liu et al. 2019, arXiv:1806.09055: 4 nodes and 7 operations give about 10^9 cells, and that squared."""
    one = math.prod((k + 1) * k // 2 * 7**2 for k in range(1, 5))
    assert one == pytest.approx(1e9, rel=0.05)
    assert cells(7, 4, kinds=1, positions=8).size == one
    assert cells(7, 4, kinds=2, positions=8).size == one**2
    assert cells(8, 4, kinds=2, positions=20).size == (180 * 8**8) ** 2


def test_enas_macro() -> None:
    """Pham et al. 2018, arXiv:1802.03268: 12 layers of 6 operations with all skips are 1.6e29 networks."""

    def block(i: int) -> aw.DeferredCall:
        skips = [aw.when(aw.boolean(name=f"skip{j}"), aw.layer(part, j)) for j in range(i)]
        return aw.layer(part, aw.choice(*range(6), name="op"), skips)

    space = aw.Space(aw.layer(part, aw.repeat(block, 12, name="layers")))
    assert space.size == 6**12 * 2**66
    assert space.size == pytest.approx(1.6e29, rel=0.02)


def test_a_skip_that_decides_something() -> None:
    """The width of a skip from layer j is decided where any later layer takes it."""
    width = [aw.integer(1, 3, name=f"width{j}") for j in range(12)]
    skips = [
        aw.when(aw.boolean(name=f"skip{i}_{j}"), aw.layer(part, width[j]))
        for i in range(12)
        for j in range(i)
    ]
    assert size(*skips) == math.prod((2**later - 1) * 3 + 1 for later in range(12))


@pytest.mark.parametrize("most", [20, 100])
def test_nested_choices_in_every_position(most: int) -> None:
    def block(i: int) -> Any:
        return aw.choice(
            {
                "conv": aw.layer(part, aw.integer(1, 4, name="width"), aw.choice(3, 5, 7, name="kernel")),
                "pool": aw.layer(
                    part, aw.choice({"max": aw.layer(part), "mean": aw.choice(1, 2, name="p")}, name="k")
                ),
                "skip": aw.layer(part),
            },
            name="op",
        )

    each = 4 * 3 + (1 + 2) + 1
    blocks = aw.repeat(block, times=aw.integer(1, most), name="blocks")
    assert size(blocks) == sum(each**depth for depth in range(1, most + 1))


def test_a_depth_shared_by_two_repeats() -> None:
    times = aw.integer(0, 30, name="times")
    one = aw.repeat(lambda i: aw.choice(1, 2, name="a"), times, name="one")
    two = aw.repeat(lambda i: aw.choice(1, 2, 3, name="b"), 2 * times, name="two")
    assert size(one, two) == sum(2**n * 3 ** (2 * n) for n in range(31))


def test_depths_inside_depths() -> None:
    def stage(i: int) -> Any:
        return aw.layer(
            part, aw.repeat(lambda j: aw.choice(*range(6), name="op"), aw.integer(1, 4), name="blocks")
        )

    one = sum(6**depth for depth in range(1, 5))
    assert size(aw.repeat(stage, aw.integer(1, 5), name="stages")) == sum(one**n for n in range(1, 6))


def test_a_decision_shared_by_hundreds_of_optional_parts() -> None:
    width = aw.integer(1, 3, name="width")
    parts = [aw.when(aw.boolean(name=f"b{i}"), aw.layer(part, width)) for i in range(400)]
    assert size(*parts) == (2**400 - 1) * 3 + 1


def test_a_subset_of_thirty_items_each_with_its_own_decision() -> None:
    items = aw.subset(30, (5, 10), name="items")
    parts = [aw.when(items.has(i), aw.layer(part, aw.choice(*range(4), name=f"op{i}"))) for i in range(30)]
    assert size(*parts) == sum(math.comb(30, k) * 4**k for k in range(5, 11))


def test_a_subset_asked_for_items_and_as_a_whole() -> None:
    items = aw.subset(8, (0, 3), name="items")
    parts = [aw.when(items.has(i), aw.choice(*range(2 + i), name=f"op{i}")) for i in range(8)]
    first = aw.when(items.equals((0, 1)), aw.choice(1, 2, 3, name="pair"))
    either = aw.when(items.is_in([(0,), (1,)]), aw.choice(1, 2, name="one"))

    def ways(chosen: tuple[int, ...]) -> int:
        return math.prod(2 + i for i in chosen) * {(0, 1): 3, (0,): 2, (1,): 2}.get(chosen, 1)

    expected = sum(ways(chosen) for k in range(4) for chosen in itertools.combinations(range(8), k))
    assert size(*parts, first, either) == expected
    assert size(first, either, *parts) == expected


def test_conditions_on_neighbouring_widths() -> None:
    """A chain of 30 widths where each pair that widens decides something."""
    widths = [aw.integer(1, 6, name=f"w{i}") for i in range(30)]
    wider = [
        aw.when(after > before, aw.choice(1, 2, name=f"c{i}"))
        for i, (before, after) in enumerate(itertools.pairwise(widths))
    ]
    ways = dict.fromkeys(range(1, 7), 1)
    for _ in range(29):
        ways = {b: sum(n * (2 if b > a else 1) for a, n in ways.items()) for b in ways}
    assert size(*wider) == sum(ways.values())


def test_a_selector_that_is_itself_selected() -> None:
    kind = aw.categorical(["a", "b"], name="kind")
    times = aw.switch(kind, {"a": aw.integer(10, 30, name="deep"), "b": aw.integer(0, 2, name="shallow")})
    blocks = aw.repeat(lambda i: aw.choice(1, 2, name="op"), times, name="blocks")
    assert size(blocks) == sum(2**n for n in (*range(10, 31), *range(3)))


def test_a_real_makes_a_space_infinite_where_it_can_be_active() -> None:
    huge = [aw.boolean(name=f"b{i}") for i in range(1_200)]  # 2^1200 is more than a float can hold
    real = aw.real(0, 1, name="real")
    assert size(*huge, real) == math.inf
    assert size(*huge, aw.when(huge[0], real)) == math.inf
    never = aw.when(huge[0], aw.when(~huge[0], real))
    assert size(*huge, never) == 2**1_200
    assert repr(aw.Space(aw.layer(part, *huge))).endswith("1,200 decisions, about 1e361 architectures)")


def test_iteration_begins_at_once_and_goes_in_order() -> None:
    space = aw.Space(aw.layer(part, *[aw.integer(0, 9, name=f"d{i}") for i in range(1_500)]))
    listed = [tuple(architecture.values())[-3:] for architecture in itertools.islice(space, 12)]
    assert listed == [(0, 0, i) for i in range(10)] + [(0, 1, 0), (0, 1, 1)]
