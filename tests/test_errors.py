"""Errors name what is known."""

from __future__ import annotations

from archwright.errors import did_you_mean


def test_the_closest_name_is_told_and_of_many_the_first() -> None:
    assert (
        did_you_mean("evoltion", ["random", "evolution"])
        == " Did you mean 'evolution'? Known: evolution, random."
    )
    assert did_you_mean("x", []) == " Known: none."
    told = did_you_mean("layer4.weight", [f"layer{i:03}.weight" for i in range(400)])
    assert told.endswith("layer059.weight and 340 more.")
    assert told.startswith(" Did you mean 'layer")
