from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.bench.decide import MOST_ACCEPTED, Design, MadeUpNight, main, measure


@pytest.mark.parametrize("design", ["race", "blocks"])
def test_a_look_at_a_long_night_costs_about_what_a_short_one_does(design: Design) -> None:
    short, long = measure(design, 300, looks=25), measure(design, 1500, looks=25)
    assert long.candidates > 4 * short.looks
    assert long.decide_ms < 3 * short.decide_ms


def test_a_made_up_night_accepts_retires_and_goes_on() -> None:
    night = MadeUpNight("race")
    for _ in range(200):
        night.play_round()
    assert 0 < len(night.record.accepted) <= MOST_ACCEPTED
    assert len(night.record.candidates) > 100
    assert [p.plan.number for p in night.record.probes] == list(range(1, 1 + len(night.record.probes)))


def test_the_command_writes_a_row_for_each_design_and_length(tmp_path: Path) -> None:
    main(probes=[40, 20], looks=1, out=tmp_path)
    rows = json.loads((tmp_path / "decide.json").read_text())
    assert [row["design"] for row in rows] == ["race", "race", "blocks", "blocks"]
    assert rows[0]["probes"] < rows[1]["probes"]
    assert rows[0]["per_hundred"] == 1.0
