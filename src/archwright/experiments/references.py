"""From what a user writes to the object meant: names, `file.py:object`, CSV files, folders of images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import SpaceError, TaskError, UsageError, did_you_mean
from archwright.evaluating import evaluating
from archwright.references import call_found, check_file, is_object_reference, load_object
from archwright.spaces import Expression, Space

if TYPE_CHECKING:
    from archwright.pretrained import Buildable
    from archwright.tasks import Task

__all__ = [
    "check_space_reference",
    "check_task_reference",
    "resolve_network",
    "resolve_space",
    "resolve_task",
]


def check_task_reference(reference: str, options: Mapping[str, Any]) -> None:
    """Refuse a reference that means no task, without loading anything.

    Args:
        reference: As for `resolve_task`.
        options: As for `resolve_task`.

    Raises:
        UsageError: When nothing is meant by it, a Python file does not exist, or a CSV file comes without its target.
        TaskError: When a CSV file does not exist, or lacks a column that an option names.
    """
    from archwright.tasks import TASKS

    path = Path(reference)
    if reference in TASKS or path.is_dir():
        _without_columns(options, reference)
    elif is_object_reference(reference):
        check_file(reference)
    elif path.is_file() or path.suffix.lower() in (".csv", ".tsv"):
        if not options.get("target"):
            raise UsageError(f"{reference}: say which column to predict: --target COLUMN")
        _check_csv(path, options)
    else:
        raise UsageError(
            f"unknown task {reference!r}: no built-in name, no file and no folder.{did_you_mean(reference, TASKS)} Or "
            "give file.py:object, a CSV file with --target, or a folder of images"
        )


def _check_csv(path: Path, options: Mapping[str, Any]) -> None:
    """Refuse options that do not fit the header of a CSV file, or of a file that goes with it."""
    from archwright.tasks.datasets.header import check_columns, check_kinds, read_header

    target, drop = options["target"], options.get("drop") or ()
    targets = [target] if isinstance(target, str) else list(target)
    others = [Path(part) for part in map(options.get, ("validation", "test")) if isinstance(part, str | Path)]
    for file in (path, *others):
        header, _ = read_header(file, options.get("separator"))
        check_columns(file, header, targets, drop)
        features = [name for name in header if name not in targets and name not in drop]
        if file == path:
            check_kinds(str(file), features, options.get("columns") or {})


def check_space_reference(reference: str) -> None:
    """Refuse a reference that means no space, without loading anything.

    Raises:
        UsageError: When no space has the name, or a file does not exist.
    """
    from archwright.spaces.zoo import SPACES

    if is_object_reference(reference):
        check_file(reference)
    elif reference not in SPACES:
        raise UsageError(
            f"unknown space {reference!r}.{did_you_mean(reference, SPACES)} Or give file.py:object"
        )


def resolve_task(reference: str, **options: Any) -> Task:
    """The task that a reference means.

    Args:
        reference: A built-in name, `module:object` or `file.py:object` (a Task or a function that returns one), a
            CSV file, or a folder of images.
        options: For what makes the task: `seed`; for a CSV file also `target`, `drop`, `kind`, `columns`,
            `balance` and `test`.

    Raises:
        TaskError: When the data cannot be learned from.
        UsageError: When nothing is meant by the reference, or an option does not fit it.
    """
    from archwright.tasks import TASKS, Task, from_csv, from_images, make_task

    check_task_reference(reference, options)
    path = Path(reference)
    if reference in TASKS:
        return make_task(reference, **options)
    if is_object_reference(reference):
        made = load_object(reference)
        if callable(made) and not isinstance(made, Task):
            made = call_found(made, reference)
        if not isinstance(made, Task):
            raise TaskError(
                f"{reference}: expected a Task or a function that returns one, got {type(made).__name__}"
            )
        return made
    return from_images(path, **options) if path.is_dir() else from_csv(path, **options)


def resolve_network(network: Buildable | str, task: Task, options: Mapping[str, Any]) -> Space:
    """The space of a network's own widths, which keep its weights, or of its blocks.

    Args:
        network: A module, or a class or function that builds one; or `module:object` or `file.py:object`, which mean
            one of these.
        task: Its examples are what the network is traced and proven with.
        options: Of `from_network`; with "blocks" among them, of `blockwise`; and "bits", the forms of
            `quantised` beside float32.

    Raises:
        SpaceError: When it is no network, does not take the weights or the task's inputs, its outputs do not fit the
            task, or nothing in it may shrink.
        UsageError: When nothing is meant by the reference.
    """
    from archwright.pretrained import blockwise, from_network

    batch = task.example()
    given = load_object(network) if isinstance(network, str) else network
    make = blockwise if "blocks" in options else from_network
    own_options = {name: value for name, value in options.items() if name != "bits"}
    space = make(given, task.arguments(batch), **own_options)
    if bits := options.get("bits"):
        from archwright.spaces.zoo import quantised

        space = quantised(space, forms=["float32", *(form for form in bits if form != "float32")])
    own = space.build(space.default)
    with evaluating(own):
        task.check(task.forward(own, batch), batch)
    return space


def resolve_space(
    reference: str,
    task: Task,
    network: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Space:
    """The space that a reference means.

    Args:
        reference: A built-in name, or `module:object` or `file.py:object`: a Space, an expression, or a function
            of the task, or of nothing, that returns one.
        task: Gives input shape and number of outputs.
        network: Where the reference means a network, see `resolve_network`, its options; None where it means a space.
        options: Of a built-in space.

    Raises:
        SpaceError: When the object is no space, or a built-in space does not take the task's inputs or an option.
        UsageError: When nothing is meant by the reference.
    """
    if network is not None:
        return resolve_network(reference, task, network)
    if not is_object_reference(reference):
        from archwright.spaces.zoo import SPACES, default_space, make_space

        check_space_reference(reference)
        if task.has_symbols and len(getattr(task, "output_shape", ())) == 1:
            raise SpaceError(
                f"the task {task.name!r}: no space of the zoo tells one thing of a whole row of symbols; write one "
                "that begins with aw.layer(nn.Embedding, task.preprocessing.symbols, 64)"
            )
        if SPACES[reference].symbols not in (None, task.has_symbols):
            takes, gives = ("symbols", "amounts") if SPACES[reference].symbols else ("amounts", "symbols")
            raise SpaceError(
                f"the space {reference!r} takes {takes}, but the inputs of the task {task.name!r} are {gives}; take "
                f"{default_space(task.signature()[0], symbols=task.has_symbols)!r}"
            )
        own = {"setting": task.family.setting} if task.family and SPACES.takes(reference, "setting") else {}
        space: Space = make_space(
            reference,
            *task.signature(),
            cardinalities=task.cardinalities,
            kind=task.kind,
            **{**own, **(options or {})},
        )
        return space
    if options:
        raise UsageError(
            f"{reference}: a space of your own takes no options, got {', '.join(options)}; write them into the file"
        )
    made = load_object(reference)
    if not isinstance(made, Space | Expression) and callable(made):
        made = call_found(made, reference, task)
    if isinstance(made, Expression):
        made = Space(made, name=reference.rpartition(":")[2])
    if not isinstance(made, Space):
        raise SpaceError(
            f"{reference}: expected an archwright.Space, an expression or a function that returns one, got "
            f"{type(made).__name__}"
        )
    return made


def _without_columns(options: Mapping[str, Any], reference: str) -> None:
    for name in ("target", "drop", "kind", "columns", "balance", "test"):
        if options.get(name) is not None:
            option = {"test": "test-file", "columns": "column"}.get(name, name)
            raise UsageError(f"{reference}: --{option} goes with a CSV file only; leave it out")
