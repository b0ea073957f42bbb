import math

import pytest

from archwright.durations import clock, count_of, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.0421, "42 ms"),
        (4.44, "4.4 s"),
        (9.97, "10 s"),
        (59.6, "1 min 00 s"),
        (3599.9, "1 h 00 min"),
        (11100, "3 h 05 min"),
        (None, "–"),
        (math.inf, "–"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_clock_counts_minutes_and_never_runs_backwards():
    assert [clock(seconds) for seconds in (-3.0, 4.6, 125.0, 3725.0)] == ["0:00", "0:05", "2:05", "62:05"]


def test_counts_agree_with_their_noun():
    assert count_of(1, "class", "classes") == "1 class"
    assert count_of(2, "class", "classes") == "2 classes"
    assert count_of(1200, "trial") == "1,200 trials"
