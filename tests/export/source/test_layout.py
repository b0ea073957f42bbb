import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.export.source.layout import Group, Name, call_of, followed, lay_out, names_in


def no_names(target):
    raise AssertionError(target)


words = st.text("abcdefgh", min_size=1, max_size=12)
documents = st.recursive(
    words,
    lambda inner: (
        st.builds(
            lambda head, items: call_of(head, [("", item) for item in items]),
            words,
            st.lists(inner, max_size=6),
        )
        | st.builds(
            lambda items: Group("", "(", [("", i) for i in items], ")", comma=True),
            st.lists(inner, max_size=4),
        )
    ),
    max_leaves=40,
)


@given(documents, st.integers(30, 100))
def test_the_layout_changes_nothing_but_white_space(document, width):
    flat = lay_out(document, no_names, width=10**9)
    assert "\n" not in flat
    assert ast.dump(ast.parse(flat)) == ast.dump(ast.parse(lay_out(document, no_names, width=width)))


@given(documents)
def test_lines_fit_unless_a_word_is_alone(document):
    for line in lay_out(document, no_names, width=40).splitlines():
        assert len(line) <= 40 or line.strip().rstrip(",()").isalpha() or line.strip().endswith("(),")


def test_layout_of_a_network():
    convolution = call_of("nn.Conv2d", [("", "1"), ("", "16"), ("kernel_size=", "3")])
    network = call_of("nn.Sequential", [("", convolution), ("", call_of("nn.ReLU", []))])
    assert (
        lay_out(network, no_names, width=100) == "nn.Sequential(nn.Conv2d(1, 16, kernel_size=3), nn.ReLU())"
    )
    assert lay_out(network, no_names, indent=4, before=11, width=46).splitlines() == [
        "nn.Sequential(",
        "        nn.Conv2d(1, 16, kernel_size=3),",
        "        nn.ReLU(),",
        "    )",
    ]


def test_names_are_asked_for_when_it_is_laid_out():
    document = followed(Name("here"), ".there")
    assert [name.target for name in names_in(call_of(document, [(document, document)]))] == ["here"] * 3
    assert lay_out(document, {"here": "now"}.__getitem__) == "now.there"


@pytest.mark.parametrize(("items", "text"), [([], "()"), (["a"], "(a,)"), (["a", "b"], "(a, b)")])
def test_tuples(items, text):
    assert lay_out(Group("", "(", [("", i) for i in items], ")", comma=True), no_names) == text
