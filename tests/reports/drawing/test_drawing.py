import xml.etree.ElementTree as ET

import pytest
from torch import nn

import archwright.spaces as aw
from archwright.reports import draw_architecture

from .conftest import COLOURS, IMAGES

SVG = "{http://www.w3.org/2000/svg}"


def drawn(space, architecture=None, example=IMAGES, **options):
    text = draw_architecture(space, architecture or space.sample(0), example=example, **options)
    root = ET.fromstring(text)
    words = [element.text for element in root.iter(f"{SVG}text")]
    return root, words, text


def test_the_drawing_says_what_the_network_is(residual_space):
    space = residual_space()
    root, words, _ = drawn(
        space, space.architecture({"width": 8}), input_text="1 × 8 × 8", output_text="10 classes"
    )
    assert {
        "Sequential",
        "Residual",
        "Conv2d",
        "1, 8, 3, padding=1",
        "width = 8",
        "1 × 8 × 8",
        "10 classes",
    } <= set(words)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Drawing of the architecture"
    assert "width = 8" in root.find(f"{SVG}desc").text


def test_everything_is_inside_the_view(chain_space, residual_space, cells_space):
    for space, example in (
        (chain_space, IMAGES),
        (residual_space(nn.Conv2d), IMAGES),
        (cells_space, COLOURS),
    ):
        root, _, _ = drawn(space, example=example)
        width, height = float(root.get("width")), float(root.get("height"))

        def visit(node, x=0.0, y=0.0, width=width, height=height):
            if move := node.get("transform"):
                dx, dy = map(float, move.removeprefix("translate(").removesuffix(")").split())
                x, y = x + dx, y + dy
            if node.tag == f"{SVG}rect":
                left, top = x + float(node.get("x", 0)), y + float(node.get("y", 0))
                assert left >= 0
                assert top >= 0
                assert left + float(node.get("width")) <= width
                assert top + float(node.get("height")) <= height
            for child in node:
                visit(child, x, y)

        visit(root)


def test_eight_cells_are_two_graphs(cells_space):
    _, words, _ = drawn(cells_space, example=COLOURS)
    assert words.count("cell k−2") == 2
    assert words.count("output") == 3
    assert "×2" in words
    operations = [word for word in words if word in ("sep_conv_3x3", "skip_connect")]
    assert len(operations) == 16


def test_skips_are_drawn(chain_space):
    root, _, _ = drawn(chain_space)
    assert len([path for path in root.iter(f"{SVG}path") if path.get("class") == "skip"]) == 3


def test_texts_are_escaped():
    space = aw.Space(aw.layer(dict, text=aw.choice("<script>alert(1)</script>", "b & c", name="text")))
    _, words, text = drawn(space, space.architecture({"text": "<script>alert(1)</script>"}))
    assert "<script" not in text
    assert any("<script>" in word for word in words)


@pytest.mark.parametrize("depth", [300, 3])
def test_a_large_network_stays_small(depth):
    block = [aw.layer(nn.Conv2d, 8 + i, 9 + i, 3) for i in range(depth)]
    nested = aw.layer(nn.Identity)
    for i in range(40):
        nested = aw.layer(nn.Sequential, nested, aw.layer(nn.Linear, i, i + 1))
    space = aw.Space(
        aw.layer(nn.Sequential, *block, nested, aw.layer(nn.Linear, 1, aw.integer(1, 9, name="out")))
    )
    _, words, text = drawn(space)
    assert len(text) < 150_000
    assert depth == 3 or any("calls inside" in word or "more" in word for word in words)


def test_a_space_that_builds_a_plain_value_can_be_drawn():
    _, words, _ = drawn(aw.Space(aw.choice(3, 5, name="kernel")))
    assert words
