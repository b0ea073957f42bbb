"""Options that stand in a docstring."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import typer
from typer.testing import CliRunner

from archwright.cli.described import described


@dataclass(frozen=True)
class Place:
    """Where.

    Args:
        town (NAME): The name
            of a town.
    """

    town: str | None = None


def greet(
    who: str,
    place: Place,
    many_times: int = 1,
    loud: bool = False,
    as_json: bool = False,
) -> None:
    """Say hello.

    To somebody.

    Args:
        who (WHO): Somebody.
        many_times (-n N): How often.
        loud: Whether to shout.
        as_json (--json): As JSON.
    """
    print(who, place, many_times, loud, as_json)


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(described(greet))
    return made


def test_the_docstring_says_what_the_options_are(app: typer.Typer) -> None:
    command = typer.main.get_command(app)
    assert command.help == "Say hello.\n\nTo somebody."
    known = {parameter.name: parameter for parameter in command.params}
    assert known["who"].param_type_name == "argument"
    names = [known[name].opts for name in ("town", "many_times", "as_json")]
    assert names == [["--town"], ["--many-times", "-n"], ["--json"]]
    assert known["loud"].secondary_opts == ["--no-loud"]
    assert (known["many_times"].metavar, known["town"].metavar) == ("N", "NAME")
    assert known["town"].help == "The name of a town."  # type: ignore[attr-defined]


def test_a_dataclass_is_made_of_the_options_of_its_fields(app: typer.Typer) -> None:
    ran = CliRunner().invoke(app, ["Ada", "--town", "London", "-n", "2", "--json"])
    assert ran.output == "Ada Place(town='London') 2 False True\n"
    assert CliRunner().invoke(app, ["Ada"]).output == "Ada Place(town=None) 1 False False\n"
