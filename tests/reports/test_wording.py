import math

import pytest

from archwright.reports.wording import (
    architecture_brief,
    capital,
    metric_name,
    metric_text,
    number_ranges,
    si_number,
    value_text,
)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.98888, "98.89\u00a0%"),
        ("balanced_accuracy", 1.0, "100.00\u00a0%"),
        ("f1", 0.98123, "0.9812"),
        ("params", 41234.0, "41,234"),
        ("flops", 2.24e6, "2.24\u00a0M"),
        ("rmse", 52.34567, "52.35"),
        ("rmse", 123456.0, "123,456"),
        ("loss", 1e-7, "1e-07"),
        ("seconds", 151.0, "2 min 31 s"),
        ("loss", None, "–"),
        ("loss", math.nan, "NaN"),
        ("loss", -math.inf, "−∞"),
    ],
)
def test_metrics_have_their_unit(name, value, text):
    assert metric_text(name, value) == text


def test_known_metrics_have_readable_names():
    assert [metric_name(n) for n in ("params", "rmse", "balanced_accuracy")] == [
        "parameters",
        "RMSE",
        "balanced accuracy",
    ]


def test_si_numbers():
    assert [si_number(v) for v in (0, 999, 1_234, 1_234_567_890)] == [
        "0",
        "999",
        "1.23\u00a0k",
        "1.23\u00a0G",
    ]


def test_only_the_first_letter_is_made_a_capital():
    assert [capital(text) for text in ("test RMSE", "98 %", "")] == ["Test RMSE", "98 %", ""]


def test_runs_of_numbers_are_joined():
    assert number_ranges([7, 1, 2, 3, 3]) == "1–3, 7"
    assert number_ranges([1, 2, 9]) == "1, 2, 9"
    assert number_ranges([]) == ""


def test_ranges_left_out_are_counted():
    assert number_ranges(range(0, 100, 2), most=3) == "0, 2, 4 and 47 more"
    assert number_ranges([0, 5, 6, 7, 8], most=1) == "0 and 4 more"


def test_values_read_as_text():
    assert [value_text(v) for v in ("conv", True, 0.00123456, (1, 2), None)] == [
        "conv",
        "yes",
        "0.001235",
        "{1, 2}",
        "None",
    ]


def test_a_long_architecture_is_cut_and_counted():
    text = architecture_brief({f"decision{i}": i for i in range(30)}, limit=40)
    assert text == "decision0=0  decision1=1  decision2=2  … 27 more decisions"
    assert architecture_brief({}) == ""
    assert len(architecture_brief({"a": "x" * 500}, limit=50)) == 50
