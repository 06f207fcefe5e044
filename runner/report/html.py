"""The report as one HTML file: everything inline, no script, escaped by the template engine."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from runner.report import charts, small_charts
from runner.report.blocks import Report
from runner.report.texts import many_lines

FOLDER = Path(__file__).parent
_PER_CENT = re.compile(r"(\d) %")


def to_html(report: Report, generated: str) -> str:
    """Return the report; `generated` stands on a line of its own, the only one that differs between two rebuilds."""
    style = (FOLDER / "report.css").read_text("utf-8")
    return _template().render(report=report, generated=generated, style=style, charts=charts, small=small_charts)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["kind"] = _kind
    environment.filters["many_lines"] = many_lines
    environment.filters["breakable"] = _breakable
    environment.filters["tied"] = _tied
    return environment.get_template("report.html.j2")


def _kind(value: Any) -> str:
    return type(value).__name__


def _breakable(text: str) -> Markup:
    """Return a heading that may break after an underscore: names of categories have no spaces."""
    return Markup("_<wbr>").join(text.split("_"))


def _tied(text: str) -> str:
    """Return our own prose with each figure and its per cent sign kept on one line."""
    return _PER_CENT.sub("\\1\N{NO-BREAK SPACE}%", text)
