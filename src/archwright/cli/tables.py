"""Options of the commands that learn from a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["TableOptions"]


@dataclass(frozen=True)
class TableOptions:
    """How a CSV file is read.

    Args:
        target (COLUMN): The column of the CSV to predict; several, each with --target, if all are numbers or all yes
            and no.
        test_file (--test --test-file FILE): A CSV file of the same columns to test on, instead of a share of the rows.
        drop (COLUMN): A column of the CSV to leave out; may be given several times.
        column (NAME=KIND): What a column of the CSV is, where that is not recognised: numeric, boolean, categorical,
            date or text; may be given several times.
        kind: classification, regression or multilabel, where the target leaves it open.
        balance: Let each class count the same, and optimise balanced accuracy; by default where the largest class of a
            CSV has 10 times the rows of the rarest, unless --objective says what to optimise.
    """

    target: list[str] | None = None
    test_file: str | None = None
    drop: list[str] | None = None
    column: list[str] | None = None
    kind: str | None = None
    balance: bool | None = None

    def task_options(self, seed: int) -> dict[str, Any]:
        """The options of the task, of those that were given.

        Raises:
            UsageError: When a column has no kind.
        """
        from archwright.cli.values import keyed

        target: Any = self.target[0] if self.target and len(self.target) == 1 else self.target
        columns = keyed(self.column or [], "--column", "zip=categorical")
        given = {
            "target": target,
            "drop": self.drop,
            "kind": self.kind,
            "test": self.test_file,
            "columns": columns,
        }
        options = {"seed": seed, **{name: value for name, value in given.items() if value}}
        return options if self.balance is None else {**options, "balance": self.balance}
