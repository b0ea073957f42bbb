"""A task from a table whose columns are of any kind: numbers, categories, dates, text, with gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError, did_you_mean
from archwright.tasks.columns import BOOLEANS, Column, encode, gaps_of, is_gap, spelled
from archwright.tasks.datasets.arrays import SAMPLES, TargetOptions, Told, assemble, in_memory, join_targets
from archwright.tasks.datasets.header import check_kinds
from archwright.tasks.identifiers import IDENTIFYING, groups_of, identifies, step_of
from archwright.tasks.preprocessing import row_moments
from archwright.tasks.recognition import date_format, fit_column, number_of, recognize
from archwright.tasks.splits import divide
from archwright.tasks.targets import CLASSIFICATION, MULTILABEL, Targets, read_targets
from archwright.tasks.task import Task

__all__ = ["GIVEN", "Given", "from_frame", "learn_table", "raw_values", "several_targets"]

GIVEN: Any = object()
"""In place of a share, that the rows are given."""

STRONG = 10
"""Classes are imbalanced where the largest has this many times the examples of the rarest."""


@dataclass(frozen=True, slots=True)
class Given:
    """A table as it was read.

    Args:
        where: What begins an error: the file.
        columns: Name to raw values, all but the targets, in their order.
        labels: The targets, shape (rows,) or (rows, targets).
    """

    where: str
    columns: Mapping[str, NDArray[Any]]
    labels: NDArray[Any]


def from_frame(
    frame: Any,
    target: str | Sequence[str],
    *,
    drop: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    validation: Any = 0.2,
    test: Any = 0.2,
    balance: bool | None = None,
    name: str = "table",
    **options: Unpack[TargetOptions],
) -> Task:
    """A task from a pandas DataFrame with columns of any kind. See `from_csv`, which says what becomes of each.

    Args:
        frame: The rows.
        target: The column to be predicted, or several: all numbers, or all yes or no.
        drop: Columns to leave out.
        columns: Column to kind, where it is not to be recognised: "numeric", "boolean", "categorical", "date" or
            "text".
        validation: Share of the rows for validation, or a frame of the same columns.
        test: Share of the rows for test, a frame of the same columns, or None where somebody else keeps the test data.
        balance: Whether rare classes count more, see `from_csv`.
        name: What to call the task.
        options: `kind`, `classes`, `seed`, `standardize` and `class_weights`, as for `from_arrays`.

    Raises:
        TaskError: When a column is not there, or the rows cannot be learned from.
    """
    import pandas as pd

    targets = [target] if isinstance(target, str) else list(target)
    given = []
    for where, part in (("the frame", frame), ("the validation frame", validation), ("the test frame", test)):
        if not isinstance(part, pd.DataFrame):
            if where == "the frame":
                raise TaskError(f"from_frame: expected a pandas DataFrame, got {type(part).__name__}")
            continue
        for column in (*targets, *drop):
            if column not in part.columns:
                raise TaskError(
                    f"{where}: no column {column!r}.{did_you_mean(str(column), map(str, part.columns))}"
                )
        kept = [column for column in part.columns if column not in targets and column not in drop]
        labels = [part[column].to_numpy() for column in targets]
        read = {str(column): raw_values(part[column]) for column in kept}
        given.append(
            Given(where, read, labels[0] if len(labels) == 1 else several_targets(where, targets, labels))
        )
        if given[0].columns.keys() - read.keys():
            lacks = ", ".join(sorted(given[0].columns.keys() - read.keys()))
            raise TaskError(f"{where}: expected the columns of the first frame, got none for {lacks}")
    shares = [GIVEN if isinstance(part, pd.DataFrame) else part for part in (validation, test)]
    note = "the columns of the frame in the order of `features`"
    return learn_table(given, targets, columns or {}, shares, balance, name, note, **options)


def raw_values(series: Any) -> NDArray[Any]:
    """A column of a frame as numbers or as texts and gaps; dates as ISO texts."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(series):
        moments = series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
        return moments.dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object).to_numpy()  # type: ignore[no-any-return]
    if pd.api.types.is_bool_dtype(series) and not series.isna().any():
        return series.to_numpy(dtype=bool)  # type: ignore[no-any-return]
    if pd.api.types.is_integer_dtype(series) and not series.isna().any():
        unsigned = pd.api.types.is_unsigned_integer_dtype(series)
        return series.to_numpy(dtype=np.uint64 if unsigned else np.int64)  # type: ignore[no-any-return]
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_complex_dtype(series):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)  # type: ignore[no-any-return]
    values = series.astype(object).to_numpy()
    return np.array([None if is_gap(value) else spelled(value) for value in values], object)


def several_targets(where: str, names: Sequence[str], columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Several targets as columns of numbers, float64, or of yes and no, bool.

    Raises:
        TaskError: When they are of different kinds, or neither numbers nor yes and no.
    """
    kinds = {}
    for name, values in zip(names, columns, strict=True):
        texts = {spelled(value).lower() for value in values.tolist()}
        if values.dtype.kind in "iuf" and not texts <= {"0", "1"}:
            kinds[name] = "numbers"
        elif texts <= {"0", "1"}:
            kinds[name] = "0 and 1"
        else:
            kinds[name] = "yes and no" if texts <= set(BOOLEANS) else "categories"
    found = set(kinds.values())
    told = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
    if "categories" in found or {"numbers", "yes and no"} <= found:
        raise TaskError(
            f"{where}: expected several targets to be all numbers or all yes and no, got {told}; predict those of "
            "another kind in a run of their own, or write yes and no as 1 and 0 to have them predicted as numbers"
        )
    if "numbers" in found:
        return np.stack([values.astype(np.float64) for values in columns], axis=1)
    return np.stack(
        [[BOOLEANS[spelled(v).lower()] > 0 for v in values.tolist()] for values in columns], axis=1
    )


def learn_table(
    given: Sequence[Given],
    target: Sequence[str],
    kinds: Mapping[str, str],
    shares: Sequence[Any],
    balance: bool | None,
    name: str,
    note: str,
    identify: bool = True,
    **options: Unpack[TargetOptions],
) -> Task:
    """The task of one to three tables of the same columns.

    Args:
        given: All rows that are to be divided, then those given for validation and for test.
        target: Names of the targets.
        kinds: Column to kind, where it is said.
        shares: Shares of the rows for validation and for test; `GIVEN` where a table is
            given; None for no test data.
        balance: See `from_csv`.
        name: What to call it.
        note: What a raw input is, in one phrase.
        identify: See `from_csv`.
        options: As for `from_arrays`.
    """
    pool = given[0]
    check_kinds(pool.where, pool.columns, kinds)
    said: dict[str, Any] = dict(options)
    classes: Any = said.get("classes") or ()
    kind = said.get("kind")
    joined, several = join_targets([part.labels for part in given]), len(target) > 1
    if several and kind is None and joined.dtype.kind == "b":
        kind, classes = MULTILABEL, classes or tuple(target)
    targets = read_targets(joined, kind, classes)
    lengths = [len(part.labels) for part in given[1:]]
    sizes = [lengths.pop(0) if share is GIVEN else 0 for share in shares]
    seed: Any = said.get("seed", 0)
    parts, split = divide(targets, *sizes, validation=shares[0], test=shares[1], seed=seed)
    found, values = _recognized(given, kinds)
    named = kinds if identify else dict.fromkeys(found, "")
    identifying = _identifying(pool, found, named)
    fitted, columns, data = _encoded(pool.where, found, kinds, values, parts.train, identifying)
    weights, balanced = _weights(targets, parts.train, said.get("class_weights"), balance)
    known = Told(
        features=tuple(feature for column in columns for feature in column.features),
        target=", ".join(target),
        note="; ".join([note, *_left_out(fitted)]) if identify else note,
        columns=columns,
    )
    moments = row_moments(data[parts.train]) if said.get("standardize", True) else None
    part = partial(in_memory, data)
    task = assemble(name, targets, parts, split, part, data.shape[1:], moments, 0, known, weights)
    if balanced:
        task.metric = "balanced_accuracy"
    shares_missing = {c.name: float(gaps_of(values[c.name]).mean()) for c in columns}
    task.notes = (*_notes(pool, kinds, fitted, shares_missing), *balanced)
    sample = parts.train[:SAMPLES]
    task.raw_rows = tuple({c.name: _plain(values[c.name][row]) for c in columns} for row in sample)
    return task


def _identifying(
    pool: Given, found: Mapping[str, tuple[str, str]], kinds: Mapping[str, str]
) -> dict[str, str]:
    """Columns of numbers that only tell rows apart, and why; none of those whose kind was said."""
    numbers = [name for name, (kind, _) in found.items() if kind == "numeric" and name not in kinds]
    return {name: why for name in numbers if (why := identifies(name, pool.columns[name]))}


def _encoded(
    where: str,
    found: Mapping[str, tuple[str, str]],
    kinds: Mapping[str, str],
    values: Mapping[str, NDArray[Any]],
    train: NDArray[Any],
    identifying: Mapping[str, str],
) -> tuple[dict[str, Column | str], tuple[Column, ...], NDArray[Any]]:
    """How each column is encoded or why it is left out, the columns that are left, and all rows as numbers."""
    try:
        fitted = {
            name: fit_column(name, kind, form, kinds.get(name) == "numeric", values[name][train])
            for name, (kind, form) in found.items()
        }
        if any(isinstance(column, Column) and name not in identifying for name, column in fitted.items()):
            fitted |= identifying
        columns = tuple(column for column in fitted.values() if isinstance(column, Column))
        if not columns:
            why = _listed([f"{column}, which {why}" for column, why in fitted.items()], 5)
            raise TaskError(f"{where}: no column is left to learn from; left out: {why}")
        return fitted, columns, encode(columns, values)
    except ValueError as error:
        raise TaskError(f"{where}: {error}") from None


def _plain(value: Any) -> Any:
    """A value of Python's own types; None where there is none."""
    if is_gap(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _recognized(
    given: Sequence[Given], kinds: Mapping[str, str]
) -> tuple[dict[str, tuple[str, str]], dict[str, NDArray[Any]]]:
    """Kind and format of each column, and its raw values over all tables."""
    found, values = {}, {}
    for name, first in given[0].columns.items():
        kind, form = (kinds[name], "") if name in kinds else recognize(given[0].where, name, first)
        if kind == "date" and not form:
            form = _said_format(given[0].where, name, first)
        found[name] = (kind, form)
        for part in given:
            if kind in ("numeric", "boolean"):
                _check_numbers(part.where, name, part.columns[name], strict=kinds.get(name) != "numeric")
        several = [part.columns[name] for part in given]
        kinds_of_values = {column.dtype.kind for column in several}
        alike = len(kinds_of_values) == 1 or kinds_of_values <= set("iuf")
        values[name] = np.concatenate([column if alike else column.astype(object) for column in several])
    return found, values


def _said_format(where: str, name: str, values: NDArray[Any]) -> str:
    form = date_format({spelled(value) for value in values.tolist() if not is_gap(value)})
    if not form:
        raise TaskError(
            f"{where}: expected dates of one form in column {name!r}, such as 2026-11-29 or 29.11.2026 08:30, got "
            f"{spelled(next(v for v in values.tolist() if not is_gap(v)))!r} among others"
        )
    return form


def _check_numbers(where: str, name: str, values: NDArray[Any], strict: bool) -> None:
    """Refuse infinity, and what is no number unless that counts as missing."""
    numbers = _numbers(values)
    wrong = np.flatnonzero(np.isnan(numbers) & ~gaps_of(values))
    if strict and wrong.size:
        raise TaskError(
            f"{where}: expected numbers in column {name!r}, got {spelled(values[wrong[0]])!r} in row {wrong[0] + 1} "
            f"({wrong.size} of {len(values)} rows are no numbers); correct them"
        )
    if (rows := np.flatnonzero(np.isinf(numbers))).size:
        raise TaskError(
            f"{where}: expected finite numbers in column {name!r}, got infinity in row {rows[0] + 1}; correct it or "
            "leave out the row"
        )


def _numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Values as numbers, NaN where they are none."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    return np.array([np.nan if is_gap(value) else number_of(spelled(value)) for value in values.tolist()])


def _weights(
    targets: Targets, train: NDArray[Any], given: Any, balance: bool | None
) -> tuple[Any, tuple[str, ...]]:
    """How much classes count, and what is said of it where that was not asked for."""
    if balance is False or given is not None or targets.kind != CLASSIFICATION:
        if balance and targets.kind != CLASSIFICATION:
            raise TaskError(f"balance: a {targets.kind} has no classes to weigh; leave it out")
        return given, ()
    counts = np.bincount(targets.values[train], minlength=len(targets.classes))
    rarest, largest = int(counts.argmin()), int(counts.argmax())
    if balance is None and counts[largest] < STRONG * counts[rarest]:
        return None, ()
    return "balanced", (
        f"classes: {targets.classes[largest]!r} has {counts[largest]} training rows and {targets.classes[rarest]!r} "
        f"{counts[rarest]}, so each class counts the same in the loss, and what is optimised is balanced_accuracy, the "
        "mean over the classes of the share that is told right; off with --no-balance or another --objective",
    )


def _left_out(fitted: Mapping[str, Column | str]) -> list[str]:
    """Which columns are left out and why, in one phrase; nothing where all are kept."""
    names = [f"{name}, which {why}" for name, why in fitted.items() if isinstance(why, str)]
    return [f"left out: {_listed(names)}"] if names else []


def _notes(
    pool: Given,
    kinds: Mapping[str, str],
    fitted: Mapping[str, Column | str],
    missing: Mapping[str, float],
) -> list[str]:
    """What was recognised, a line a kind."""
    columns = [column for column in fitted.values() if isinstance(column, Column)]
    left_out = _left_out(fitted)
    numbers = [column.name for column in columns if column.kind == "numeric"]
    doubtful = _doubtful(pool, [name for name in numbers if name not in kinds])
    if len(numbers) == len(columns) and not left_out and not any(missing.values()):
        return doubtful
    told = {"numbers": numbers, "yes or no": [c.name for c in columns if c.kind == "boolean"]}
    told["categories, which networks look up in an embedding"] = [
        f"{c.name} ({len(c.categories)})" for c in columns if c.kind == "categorical"
    ]
    told["dates"] = [f"{c.name} ({c.format}: {', '.join(c.parts)})" for c in columns if c.kind == "date"]
    told["text, as hashed TF-IDF of its words"] = [
        f"{c.name} ({len(c.weights)} numbers)" for c in columns if c.kind == "text"
    ]
    notes = [f"columns taken as {kind}: {_listed(names)}" for kind, names in told.items() if names]
    gaps = [f"{name} ({share:.1%})" for name, share in missing.items() if share]
    if gaps:
        notes.append(
            f"gaps in {_listed(gaps)}: filled by the mean of the training rows, with a further input that marks them; "
            "a missing category is a category of its own"
        )
    identifying = [name for name, why in fitted.items() if why in IDENTIFYING]
    kept = [
        f"to learn from {n} all the same: --column {n}=numeric (columns={{{n!r}: 'numeric'}})"
        for n in identifying
    ]
    ending = "another kind for a column: --column NAME=KIND; to leave one out: --drop NAME"
    return [*notes, *left_out, *kept, *doubtful, ending]


def _doubtful(pool: Given, numbers: Sequence[str]) -> list[str]:
    """Which columns of numbers are learned from though they may only number or name the rows, or what these are of."""
    told = {}
    for name in numbers:
        if why := identifies(name, pool.columns[name]):
            told[name] = f"{why}; it is kept, as there is nothing else to learn from"
        elif step := step_of(name, pool.columns[name]):
            told[name] = (
                f"changes by {step} from each row to the next; if it only numbers them, leave it out: --drop {name} "
                f"(drop=[{name!r}])"
            )
        elif groups := groups_of(name, pool.columns[name]):
            told[name] = (
                f"names, as it seems, {groups:,} things that rows belong to, and is learned as an amount; as names, "
                f"each with a vector: --column {name}=categorical (columns={{{name!r}: 'categorical'}}); where new "
                f"things come later, leave it out: --drop {name} (drop=[{name!r}])"
            )
    return [f"{name} {what}" for name, what in told.items()]


def _listed(names: Sequence[str], most: int = 30) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
