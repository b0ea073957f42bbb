"""What a run takes of the machine."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from archwright.errors import UsageError
from archwright.experiments.expense import WATTS, Expense, ExpenseWatch, cpu_seconds_in_use, priced


def counters(folder: Path, *microjoules: int) -> None:
    for number, value in enumerate(microjoules):
        package = folder / f"intel-rapl:{number}"
        package.mkdir(exist_ok=True)
        (package / "energy_uj").write_text(f"{value}\n")
        (package / "max_energy_range_uj").write_text("1000\n")
        (folder / f"intel-rapl:{number}:0").mkdir(exist_ok=True)
        (folder / f"intel-rapl:{number}:0" / "energy_uj").write_text("999\n")


def test_processor_time_is_that_of_this_process_and_of_those_it_started() -> None:
    before = cpu_seconds_in_use()
    code = "import time\nwhile time.process_time() < 0.6: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    begun = time.process_time()
    while time.process_time() - begun < 0.3:
        pass
    assert 0.8 <= cpu_seconds_in_use() - before <= 3.0


def test_a_process_that_goes_on_counts_too() -> None:
    before = cpu_seconds_in_use()
    code = "import time\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert cpu_seconds_in_use() - before >= 0.4
        process.kill()


def test_without_counters_energy_is_estimated_from_processor_time(tmp_path: Path) -> None:
    watch = ExpenseWatch(Expense(cpu_seconds=100.0, joules=1200.0), counters=tmp_path)
    assert watch.look() is None
    expense = watch.look(now=True)
    assert expense is not None
    assert expense.cpu_seconds >= 100
    assert expense.joules == pytest.approx(WATTS * expense.cpu_seconds)
    assert not expense.is_measured


def test_counters_are_added_up_over_their_end(tmp_path: Path) -> None:
    counters(tmp_path, 100, 900)
    watch = ExpenseWatch(counters=tmp_path)
    counters(tmp_path, 250, 50)  # the second began again: 100 more up to 1000, then 50
    expense = watch.look(now=True)
    assert expense is not None
    assert (expense.joules, expense.is_measured) == (pytest.approx((150 + 150) / 1e6), True)
    assert expense.kilowatt_hours == pytest.approx(300e-6 / 3.6e6)


def test_what_was_estimated_once_is_not_called_measured(tmp_path: Path) -> None:
    counters(tmp_path, 100)
    watch = ExpenseWatch(Expense(cpu_seconds=1.0, joules=WATTS), counters=tmp_path)
    counters(tmp_path, 200)
    expense = watch.look(now=True)
    assert expense is not None
    assert not expense.is_measured


def test_money() -> None:
    assert priced("0.85 EUR", 7200) == "1.7 EUR"
    assert priced("2", 1800) == "1"
    for wrong in ("EUR 1", "-1", "nan", ""):
        with pytest.raises(UsageError, match="price: expected a number and a currency"):
            priced(wrong, 1)
