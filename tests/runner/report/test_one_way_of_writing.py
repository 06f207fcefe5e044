"""Every figure of the report is written by `probes.figures`: no module of the report formats a number itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import runner.report
from runner.report.texts import many_lines, one_line

FOLDER = Path(runner.report.__file__).parent
DRAWN = {"charts.py", "small_charts.py"}
"""Coordinates are no figures; what stands beside them is held to the rule by its own calls."""
MODULES = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in DRAWN)
COUNTS = {"len", "sum", "round", "min", "max", "abs"}


def breaches(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue):
            if node.format_spec is not None:
                yield f"line {node.lineno}: a format of its own"
            value = node.value
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in COUNTS:
                yield f"line {node.lineno}: {value.func.id}() goes into text as it is"
            if isinstance(value, ast.BinOp):
                yield f"line {node.lineno}: a sum goes into text as it is"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            yield f"line {node.lineno}: str.format"


@pytest.mark.parametrize("name", MODULES)
def test_no_module_formats_a_figure_itself(name: str) -> None:
    found = list(breaches(ast.parse((FOLDER / name).read_text("utf-8"))))
    assert [each for each in found if not is_identifier(name, each)] == []


def is_identifier(name: str, breach: str) -> bool:
    """Names of probes' rows and seeds are names: `block 1 row 5`, `series 2`."""
    return name in {"account.py", "earlier.py"} and breach.endswith("a sum goes into text as it is")


def test_the_rule_sees_what_it_forbids() -> None:
    bad = 'f"{x:.2f}"; f"{len(x)} probes"; f"{a + b} probes"; "{}".format(x)'
    assert len(list(breaches(ast.parse(bad)))) == 4


def test_marks_that_turn_the_direction_go_and_joiners_stay() -> None:
    assert one_line("a\u202eb\u2066c") == "a b c"
    assert one_line("👩\u200d🔬") == "👩\u200d🔬"
    assert many_lines("a\r\nb\u2028c\x00d\n\n") == "a\nb\nc d"
