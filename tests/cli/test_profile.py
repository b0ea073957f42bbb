"""`archwright profile`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SPACE, Ran

Command = Callable[..., Ran]

BRIEF = ("--epochs", "1", "--timed", "1", "--sample", "4", "--device", "cpu")


def test_a_profile_for_people(archwright: Command) -> None:
    ran = archwright(
        "profile",
        "digits",
        "-s",
        "chain",
        "-l",
        "params<=1e9",
        "-l",
        "flops<=1",
        "-l",
        "accuracy>=.9",
        *BRIEF,
    )
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "digits, space chain (16,094,592 architectures): 4 networks drawn"
    assert lines[1].split() == ["least", "median", "largest"]
    assert {line.split()[0] for line in lines[2:4]} == {"params", "flops"}
    assert "accuracy>=0.9: only training tells" in lines
    assert "params<=1000000000: kept by 4 of 4, so by 47% to 100% of the space" in lines
    assert "flops<=1: kept by none of 4, so by at most 53% of the space" in lines
    assert "what follows is of networks over a limit, which a search would not train" in lines
    assert any(line.startswith("50 trials with 1 worker: ") for line in lines)
    (hour,) = (number for number, line in enumerate(lines) if line.startswith("60 min with "))
    assert re.search(r" trials of 1 epoch in the .* of the search$", lines[hour])
    assert any(line.startswith("  time: a full training takes about ") for line in lines[hour + 1 :])


def test_a_profile_for_programs(archwright: Command) -> None:
    ran = archwright("profile", "digits", "-s", SPACE, "-n", "20", "-w", "2", "--json", *BRIEF)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["meters"].keys() >= {"params", "flops"}
    [bought] = found["purchases"]
    assert (bought["trials"], bought["minutes"], bought["workers"]) == (20, None, 2)
    assert bought["forecast"]["trials"]["middle"] == 20
    assert found["timed"][0]["memory"] > 0


@pytest.mark.slow
def test_a_profile_of_trials_of_less_effort(archwright: Command) -> None:
    words = ("profile", "digits", "-s", SPACE, "--timed", "1", "--sample", "4", "--device", "cpu")
    ran = archwright(*words, "--fidelity", "epochs=3,data=.5,resolution=4")
    assert ran.code == 0, ran.err
    assert any(
        line.startswith("a trial at 3 epochs, 50 % of data, resolution 4: ") for line in ran.out.splitlines()
    )
    found = json.loads(archwright(*words, "--search-epochs", "3", "--json").out)
    assert (found["fidelity"]["epochs"], found["timed"][0]["epochs"]) == (3, 3)


@pytest.mark.slow
def test_epochs_that_are_not_given_are_those_that_a_search_would_choose(archwright: Command) -> None:
    words = (
        "profile",
        "digits",
        "-s",
        SPACE,
        "--timed",
        "1",
        "--sample",
        "2",
        "--device",
        "cpu",
        "-m",
        "30",
        "--json",
    )
    (free,), (given,) = (
        json.loads(archwright(*words, *more).out)["purchases"] for more in ((), ("--epochs", "12"))
    )
    assert given["epochs"] == 12
    assert free["epochs"] > 12, "half an hour is plenty for so small networks"


def test_what_does_not_fit_is_refused(archwright: Command) -> None:
    ranged = archwright("profile", "digits", "--fidelity", "epochs=1..9")
    assert ranged.code == 2
    assert "give single values" in ranged.err
    assert archwright("profile", "digits", "--fidelity", "cells=2").code == 2
    assert archwright("profile", "digits", "-s", "chian").code == 2
    assert archwright("profile", "digits", "--sample", "0").code == 2


@pytest.mark.slow
def test_a_network_of_the_users_own_is_profiled(archwright: Command) -> None:
    network = f"{Path(__file__).parent / 'own_network.py'}:Net"
    ran = archwright(
        "profile", "digits", "--network", network, "--keep", "stem*", "-l", "params<=5000", *BRIEF
    )
    assert ran.code == 0, ran.err
    assert re.search(r"^params<=5000: kept by \d+ of 4", ran.out, re.MULTILINE)
    refused = archwright("profile", "digits", "--network", network, "--table", "table.json")
    assert "of a network of your own latency_ms is measured whole" in refused.err
