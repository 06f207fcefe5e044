from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from probes.statistics.config import RefereeConfig
from runner.bench.streams import PLAIN as STREAMS
from runner.simulation.night import Played, Setting
from runner.simulation.outlook import STREAM_WORDS, outlook_of, summarise
from runner.simulation.play import CHUNK, WORTH_A_PROCESS, simulate
from runner.simulation.view import simulation_view

SETTING = Setting(
    target="a",
    guards={"b": 1.5},
    rules=RefereeConfig(calibration_runs=3),
    probes=20,
    confirm_probes=8,
    level=0.05,
    search_sd=0.3,
    held_out_sd={"a": 0.3, "b": 0.4},
    shared_sd=0.1,
    is_directional=False,
    seed=1,
)
NIGHTS = [
    Played(claimed=True, gain=0.6, accepted=2, harmful=1, tried=9, worthwhile=3, found=1),
    Played(claimed=True, gain=-0.1, accepted=1, harmful=1, tried=7, worthwhile=1, found=0),
    Played(claimed=False, gain=0.5, accepted=1, harmful=0, tried=8, worthwhile=2, found=2),
    Played(claimed=False, gain=0.0, accepted=0, harmful=0, tried=8, worthwhile=0, found=0),
]


def test_nights_come_to_their_means_and_shares() -> None:
    row = summarise("rich", NIGHTS)
    assert row.shipped == pytest.approx((0.6 - 0.1) / 4)
    assert (row.claim, row.false_claim) == (0.5, 0.25)
    assert (row.tried, row.worthwhile, row.found, row.missed) == (8.0, 1.5, 0.75, 0.75)
    assert (row.accepted, row.harmful) == (1.0, 0.5)
    assert row.shipped_interval.low is not None
    assert row.shipped_interval.low < row.shipped
    assert row.false_claim_interval.high is not None
    assert 0.25 < row.false_claim_interval.high < 0.75


def test_one_night_alone_has_no_interval_of_its_mean_and_a_wide_one_of_its_share() -> None:
    row = summarise("null", NIGHTS[3:])
    assert row.shipped_interval.low is row.shipped_interval.high is None
    low, high = row.false_claim_interval.low, row.false_claim_interval.high
    assert low == pytest.approx(0.0)
    assert high is not None
    assert high > 0.5


def test_the_sentence_names_what_is_found_missed_and_claimed_wrongly() -> None:
    rows = [summarise(stream, NIGHTS if stream != "barren" else NIGHTS[3:]) for stream in STREAMS]
    sentence = outlook_of(SETTING, rows).sentence
    for words in ("worth +0.25 or more", "20 probes", "0.8 of the 1.5", "rich stream (+0.12 points", "25 % of nights"):
        assert words in sentence
    directional = outlook_of(replace(SETTING, is_directional=True), rows).sentence
    assert "it claims nothing" in directional


def test_every_stream_is_described() -> None:
    assert set(STREAM_WORDS) == set(STREAMS)


def test_processes_change_nothing_and_progress_is_told() -> None:
    said = io.StringIO()
    console = Console(file=said)
    nights = 2 * CHUNK + 5
    assert nights * len(STREAMS) >= 2 * WORTH_A_PROCESS, "else the second is not started"
    alone, together = simulate(SETTING, nights, 1, console), simulate(SETTING, nights, 2, console)
    assert alone == together
    assert [row.nights for row in alone.streams] == [nights] * len(STREAMS)
    assert "simulating 100 nights" in said.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_a_terminal(width: int) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=width, highlight=False)
    view = simulation_view(outlook_of(SETTING, [summarise(stream, NIGHTS) for stream in STREAMS]))
    console.print(view[0])
    lines = shown.getvalue().splitlines()
    assert len(lines) == 1 + len(STREAMS), "no cell is broken over two lines"
    assert "+0.12 ± 0.26" in lines[1]
    assert max(map(len, (part for part in view[1:4] if isinstance(part, str)))) <= 110
