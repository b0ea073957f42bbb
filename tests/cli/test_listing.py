"""`archwright list`, and what holds of everything that is known by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from archwright.cli.listing import REGISTRIES, registry_of

from .conftest import Ran

Command = Callable[..., Ran]
NAMES = [(kind, name) for kind in REGISTRIES for name in registry_of(kind).entries]


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_kind_is_listed(archwright: Command, kind: str) -> None:
    shown = json.loads(archwright("list", kind, "--json").out)
    lines = archwright("list", kind).out.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(shown)
    assert all(isinstance(text, str) and text for text in shown.values())
    assert {name.partition(":")[0] for name in shown} >= set(registry_of(kind).entries)


@pytest.mark.parametrize("kind", ["strategies", "objectives", "tables"])
def test_whatever_a_list_names_can_be_asked_for(archwright: Command, kind: str) -> None:
    for name in json.loads(archwright("list", kind, "--json").out):
        shown = archwright("list", kind, name)
        assert (shown.code, shown.out.partition(":")[0]) == (0, name.partition(":")[0]), shown.err


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_name_has_a_line_and_options_with_types(archwright: Command, kind: str, name: str) -> None:
    entry = registry_of(kind)[name]
    assert entry.summary
    assert "\n" not in entry.summary
    options = json.loads(archwright("list", kind, name, "--json").out)
    for option, row in options.items():
        assert row["summary"], f"{option} is not documented"
        assert row["type"] != "typing.Any" or option == "settings"


def test_the_options_of_one(archwright: Command) -> None:
    shown = archwright("list", "methods", "pcdarts").out
    assert "batch_size=256 (int)" in shown
    assert "eigenvalue=False (bool)" in shown
    assert json.loads(archwright("list", "strategies", "random", "--json").out) == {}
    assert "no options" in archwright("list", "strategies", "random").out


def test_one_long_default_does_not_push_all_descriptions_aside(archwright: Command) -> None:
    lines = archwright("list", "spaces", "normalisation").out.splitlines()
    assert max(map(len, lines)) > 200  # the primitives
    (channels,) = (line for line in lines if line.startswith("  channels="))
    assert channels.index("Of the first stage") < 70


def test_an_unknown_kind_or_name_is_told_the_nearest(archwright: Command) -> None:
    kind = archwright("list", "strategy")
    assert kind.code == 2
    assert "Did you mean 'strategies'?" in kind.err
    name = archwright("list", "strategies", "evoltion")
    assert name.code == 2
    assert "unknown strategy 'evoltion'. Did you mean 'evolution'?" in name.err


@pytest.mark.parametrize("kind", list(REGISTRIES))
def test_listing_loads_no_torch(kind: str) -> None:
    code = (
        "import sys; from archwright.cli import main\n"
        f"try: main(['list', {kind!r}])\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "False"
