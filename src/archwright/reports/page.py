"""Pages that need no network, no server and no other file: scripts, styles and figures are inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from archwright.atomic_writing import replacing
from archwright.durations import count_of, duration
from archwright.errors import UsageError
from archwright.reports.palette import DARK, LIGHT, dark_of, variables
from archwright.reports.wording import capital, metric_name, number_ranges, value_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from archwright.experiments import Run

__all__ = ["render_page", "write_page"]

_TEMPLATES = Path(__file__).parent / "templates"
_PAGES = (".html", ".htm")


def write_page(path: Path | str, runs: Sequence[Run], render: Callable[[], str]) -> Path:
    """Write a page all at once, so that a browser never sees half of it; into a device or a pipe as it is.

    Args:
        path: The file; folders above it are made.
        runs: The runs that it tells of, whose own files are not to be written over.
        render: Makes the page.

    Returns:
        The path; of a link, what it points to.

    Raises:
        UsageError: When the path is a folder, or a file of a run itself.
    """
    path = Path(path).resolve()
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file, such as {path / 'report.html'}")
    for run in runs:
        if path.is_relative_to(run.folder.resolve()) and path.exists() and path.suffix.lower() not in _PAGES:
            raise UsageError(f"{path} is a file of the run itself; give another one")
    text = render()
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return path
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def render_page(template: str, plots: Mapping[str, go.Figure], **contents: Any) -> str:
    """A page from a template.

    Args:
        template: Its file.
        plots: The figures, by the names that the template gives them.
        contents: What else the template shows.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "capital": capital,
        "duration": duration,
        "ranges": number_ranges,
        "value_text": value_text,
    }
    environment.globals |= {"count_of": count_of, "metric_name": metric_name}
    drawn = {name: json.loads(figure.to_json()) for name, figure in plots.items()}
    plotly, script = get_plotlyjs() if plots else "", _read("report.js")
    return environment.get_template(template).render(
        style=Markup(_style()),
        policy=_policy([plotly, script]),
        plotly=Markup(plotly),
        script=Markup(script),
        data=_json_for_html({"figures": drawn, "dark": dark_of()}),
        figures=set(plots),
        notes={name: (figure.layout.meta or {}).get("note", "") for name, figure in plots.items()},
        **contents,
    )


@cache
def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _style() -> str:
    light, dark = variables(LIGHT), variables(DARK)
    return (
        f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f"@media print {{ :root {{ {light} }} }}\n{_read('report.css')}"
    )


def _policy(scripts: list[str]) -> str:
    """A content security policy: nothing is loaded, and no script runs but those whose hashes it names."""
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts if script
    ]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json_for_html(data: Any) -> Markup:
    """JSON that can stand inside a script element whatever it holds."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
