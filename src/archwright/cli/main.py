"""The command's entry: assembles the commands, and turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence

import typer

from archwright.cli.bench import bench_app
from archwright.cli.drain import drain
from archwright.cli.exit_codes import INTERRUPTED
from archwright.cli.export import export
from archwright.cli.judge import judge
from archwright.cli.listing import list_known
from archwright.cli.logs import logs
from archwright.cli.profile import profile
from archwright.cli.report import report
from archwright.cli.resume import resume
from archwright.cli.search import search
from archwright.cli.show import show
from archwright.cli.simulate import simulate
from archwright.cli.specialise import specialise
from archwright.cli.streams import lasting_streams
from archwright.cli.worker import worker
from archwright.errors import ArchwrightError, UsageError

__all__ = ["app", "main"]

_UNUSABLE = (
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)
"""What is wrong with a path that a user gave."""

app = typer.Typer(
    name="archwright",
    help="Neural architecture search for PyTorch: from a data set and a limit to a plain, trained network.",
    epilog="Exit codes: 0 done, 1 the search failed, 2 wrong usage, 130 interrupted (can be resumed). "
    "Add --debug to any command to see the traceback of an error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's own help costs 0.2 s at every --help
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command(short_help="Tell what a search would cost: sizes, limits, seconds, memory.")(profile)
app.command(short_help="Search a network for a task, retrain the best, export it, report.")(search)
app.command(short_help="Say how far cheap estimates can be trusted, before a search.")(judge)
app.command(short_help="Go on with a run that was stopped or killed, or search longer.")(resume)
app.command(short_help="Stop a run gracefully: running trials end, no new one begins.")(drain)
app.command(short_help="Take trials of a search on another machine, by a PostgreSQL store.")(worker)
app.command(short_help="Say what a run has found so far, and what runs now.")(show)
app.command(short_help="Say what a trial printed, and where it ran.")(logs)
app.command(short_help="Write a network as source, weights, ONNX or others, and a model card.")(export)
app.command(short_help="Take a network for other limits from a trained supernet, in seconds.")(specialise)
app.command(short_help="Write one HTML page on a run, or on several side by side.")(report)
app.command(name="list", short_help="List what is known by name, or the options of one.")(list_known)
app.command(short_help="Simulate searches on many machines: time to a score, efficiency, cost.")(simulate)
app.add_typer(bench_app, name="bench", short_help="Compare strategies on a table of trained networks.")


@app.callback(invoke_without_command=True)
def _top(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from importlib.metadata import version as version_of

        print(f"archwright {version_of('archwright')}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code.

    Args:
        arguments: The words after `archwright`; None takes them from the command line.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    with lasting_streams(reserve="--json" in words and not {"-h", "--help"} & {*words}):
        try:
            app([word for word in words if word != "--debug"], prog_name="archwright", obj=words)
        except KeyboardInterrupt:
            print("\ninterrupted; `archwright resume RUN` goes on", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except Exception as error:
            told = error
            if isinstance(error, OSError) and error.filename is not None and error.errno in _UNUSABLE:
                told = UsageError(f"{error.filename} cannot be used: {error.strerror}; give another path")
            _explain(told, debug)
            sys.exit(told.exit_code if isinstance(told, ArchwrightError) else 1)


def _explain(error: Exception, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    elif isinstance(error, ArchwrightError):
        print(f"error: {error}", file=sys.stderr)
    else:
        print(
            f"error: {type(error).__name__}: {error}\nThis was not foreseen; run again with --debug to see where it "
            "comes from.",
            file=sys.stderr,
        )
