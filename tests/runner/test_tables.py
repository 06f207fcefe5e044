"""Tables on narrow terminals: what does not fit is folded, and no character is lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes_memory import write_night
from fakes_night import NightWriter
from rich.console import Console
from rich.table import Table

from probes.evaluation.score_forms import ScoreRow
from probes.evaluation.suites.results import PromptResult, SuiteResults
from probes.outcome import ProbeStatus
from runner.audit.audit import audit_path
from runner.audit.view import audit_view
from runner.champion import champion_of
from runner.champion_view import list_view
from runner.folder import SessionFolder
from runner.measure import MODES, Comparison, ModeResult
from runner.nights.history import read_history
from runner.nights.history_view import history_view
from runner.probe_view import comparison_view
from runner.session_view import status_view
from runner.suite_view import results_view
from runner.tables import GAP, View, fitted, plain_table
from tracking.champions import Holder, Promoted

RUNS = """commit\tval_loss\tmemory_gb\tstatus\tdescription
c0\t2.000\t40\tkeep\tbaseline
c1\t1.500\t40\tkeep\twider layers, and all that has to be said about them where the name has no end
c2\t1.510\t40\tdiscard\trandom seed 42 to 137
c4\t1.495\t40\tkeep\tlower rate
"""


def status(folder: Path) -> View:
    place = SessionFolder(folder / "friday")
    write_night(place.path)
    return status_view(place, place.load(), "finished")


def champions(folder: Path) -> View:
    write_night(folder / "friday")
    champion = champion_of(folder / "friday", folder, unconfirmed=False)
    reason = "the first one that holds every guard on held-out items"
    promoted = Promoted(at="2026-03-15T07:00:00", who="ada", role="judge-voice", reason=reason, champion=champion)
    return list_view({"judge-voice": Holder("judge-voice", promoted, None, (promoted,))}, folder)


def scores(folder: Path) -> View:
    prompts = tuple(
        PromptResult(
            item=f"character_consistency-{number}-of-many",
            category="character_consistency",
            difficulty="medium",
            score=7.25,
            samples=24,
            scored=23,
            answered=24,
            critical=number,
        )
        for number in range(3)
    )
    judged = (
        ScoreRow(name="character_consistency", raw=7.5, corrected=6.25),
        ScoreRow(name="overall", raw=7.5, corrected=None),
    )
    return results_view(SuiteResults(version="ab" * 8, split="held_out", prompts=prompts, judged=judged), 3)


def measured(folder: Path) -> View:
    night = NightWriter()
    outcomes = [night.outcome(f"{n:016x}", {"private_voice": -n}, ProbeStatus.COMPLETED, "") for n in range(len(MODES))]
    adapter = outcomes[0].adapter
    assert adapter is not None
    results = (ModeResult(mode, outcome) for mode, outcome in zip(MODES, outcomes, strict=True))
    return comparison_view(Comparison(adapter, tuple(results)))


def audited(folder: Path) -> View:
    (folder / "results.tsv").write_text(RUNS)
    return audit_view(audit_path(folder / "results.tsv", None, None))


def history(folder: Path) -> View:
    write_night(folder / "results/friday-of-the-second-week")
    return history_view(read_history(folder / "results"))


VIEWS = (status, champions, scores, measured, audited, history)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("view", VIEWS)
def test_no_character_of_a_table_is_lost(tmp_path: Path, view: Callable[[Path], View], width: int) -> None:
    tables = [part for part in view(tmp_path) if isinstance(part, Table)]
    assert tables
    for table in tables:
        lines = printed(table, width)
        assert max(map(len, lines)) <= width
        for column, shown in zip(table.columns, folded_columns(table, lines), strict=True):
            assert shown == squeezed("".join(map(str, (column.header, *column.cells))))


@pytest.mark.parametrize("view", [status, scores, audited, history])
def test_no_figure_is_broken_at_80_columns(tmp_path: Path, view: Callable[[Path], View]) -> None:
    for table in (part for part in view(tmp_path) if isinstance(part, Table)):
        text = "\n".join(printed(table, 80))
        for column in table.columns:
            if column.header in {"effect", "gain", "score", "answered", "overall"}:
                for cell in column.cells:
                    assert str(cell) in text


def test_words_give_way_before_a_word_is_broken_and_figures_come_last() -> None:
    natural, ways = [20, 20], ([10, 20], [4, 20], [10, 5])
    assert fitted(natural, ways, 40) == [20, 20]
    assert fitted(natural, ways, 35) == [15, 20]
    assert fitted(natural, ways, 26) == [6, 20]
    assert fitted(natural, ways, 20) == [10, 10]
    assert fitted(natural, ways, 10) == [5, 5]
    assert fitted(natural, ways, 1) == [1, 1], "nothing fits: a terminal must be wider than that"


def test_a_table_that_has_room_is_as_wide_as_its_texts() -> None:
    table = plain_table(("category", "score"))
    table.add_row("private_voice", "6.31")
    assert printed(table, 80) == ["category       score", "private_voice   6.31"]


def printed(table: Table, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def folded_columns(table: Table, lines: list[str]) -> list[str]:
    """Return what stands in each column from top to bottom, without spaces."""
    found: list[str] = []
    start = 0
    for column in table.columns:
        assert column.width is not None
        found.append(squeezed("".join(line[start : start + column.width] for line in lines)))
        start += column.width + GAP
    return found


def squeezed(text: str) -> str:
    return "".join(text.split())
