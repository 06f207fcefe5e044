from __future__ import annotations

import pytest
from fakes_night import make_night

from runner.report.blocks import Shares, Table
from runner.report.content import build_report
from runner.report.noise import noise_budget
from runner.report.speed import speed_blocks, speed_class
from tracking.night import NightRecord


@pytest.mark.parametrize(
    ("pace", "words"),
    [(0.1, "go"), (5.0, "go"), (7.0, "go, with patience"), (20.0, "usable"), (45.0, "slow"), (61.0, "take a smaller")],
)
def test_every_pace_has_a_class(pace: float, words: str) -> None:
    assert speed_class(pace)[0].startswith(words)


def test_the_training_speed_is_that_of_the_whole_probes() -> None:
    (table,) = speed_blocks(NightRecord.replay(make_night("claim")))
    assert isinstance(table, Table)
    assert [cell.text for cell in table.rows[0]][:2] == ["0.1 s", "0.1 s"]
    assert [cell.text for cell in table.rows[0]][3:] == ["0.9 GiB", "go"]
    assert speed_blocks(NightRecord.replay(make_night("empty"))) == []


def test_the_time_splits_into_shares_that_sum_to_one() -> None:
    report = build_report(NightRecord.replay(make_night("claim")))
    shares = [block for section in report.sections for block in section.blocks if isinstance(block, Shares)]
    assert shares
    for each in shares:
        assert sum(part.share for part in each.parts) == pytest.approx(1.0)


def test_a_night_without_components_has_no_noise_budget() -> None:
    night = NightRecord.replay(make_night("claim"))
    assert night.noise is not None
    assert noise_budget(night.noise, night.power, night.target) == []
