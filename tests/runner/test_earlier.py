"""Nights of one results folder, for real but for the training: what the second knows of the first, and when not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_session import SESSION, fake_surroundings, write_items, write_session

from agent.plan import NightPlan
from probes.errors import ComparabilityError, ConfigError
from probes.statistics.earlier import ClaimLevel, LanePrior
from probes.statistics.verdicts import EarlierNoise
from runner.check import check_session
from runner.earlier import with_earlier
from runner.folder import SessionFolder
from runner.overrides import load_session
from runner.session import NightEnd, resume_night, start_night
from runner.stretch import require_same_conditions
from tracking.events import EarlierNightsRead, ProbeStarted, SessionStopped
from tracking.ledger import read_events
from tracking.memory.known import EarlierNights
from tracking.memory.siblings import MEMORY
from tracking.night import NightRecord

SMALL = "budget.probes=20"


def run(folder: Path, name: str, *settings: str) -> NightEnd:
    file = folder / "session.toml"
    if not file.exists():
        write_session(folder)
    return start_night(load_session(file, [SMALL, *settings]), folder / "results" / name, fake_surroundings(folder))


def seeds(night: NightRecord) -> set[int]:
    return {probe.plan.request.seed for probe in night.probes}


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NightEnd, NightEnd]:
    folder = tmp_path_factory.mktemp("project")
    return folder, run(folder, "first"), run(folder, "second")


def test_the_first_night_says_that_it_knows_nothing(two_nights: tuple[Path, NightEnd, NightEnd]) -> None:
    first = two_nights[1].night.earlier
    assert first is not None
    assert (first.nights, first.noise, first.priors, first.series) == ((), None, (), 0)
    assert (first.claim.number, first.claim.level) == (1, 0.05)
    assert "first claim of the project" in (two_nights[1].folder.path / "report.md").read_text()


def test_the_second_night_knows_the_first_and_tells_it_in_its_second_line(
    two_nights: tuple[Path, NightEnd, NightEnd],
) -> None:
    _, first, second = two_nights
    told = read_events(second.folder.ledger)[1]
    assert isinstance(told, EarlierNightsRead)
    (night,) = told.earlier.nights
    assert (night.session, night.reason) == ("first", "")
    assert {"noise", "baseline", "priors"} <= set(night.used)
    assert told.earlier.noise is not None
    assert 0.1 < told.earlier.noise.metric_sd["private_voice"] < 0.9
    assert (first.folder.path / MEMORY).is_file()
    assert second.night.drift is not None
    assert second.night.drift.levels[0].metric == "private_voice"
    summary = json.loads(second.folder.summary.read_text())
    assert summary["earlier_nights"]["nights"][0]["session"] == "first"
    assert summary["earlier_nights"]["claim"]["number"] == 1 + (
        first.night.claim is not None and bool(first.night.claim.p_value)
    )
    report = (second.folder.path / "report.md").read_text()
    assert "What it knew of earlier nights" in report
    assert "Session drift" in report


def test_no_seed_of_an_earlier_night_is_used_again(two_nights: tuple[Path, NightEnd, NightEnd]) -> None:
    _, first, second = two_nights
    assert not seeds(first.night) & seeds(second.night)
    assert second.night.earlier is not None
    assert second.night.earlier.series == 1


def test_a_resumed_night_uses_what_it_was_told_and_reads_nothing_again(
    two_nights: tuple[Path, NightEnd, NightEnd], tmp_path: Path
) -> None:
    shutil.copytree(two_nights[0], tmp_path, dirs_exist_ok=True)
    lines = two_nights[2].folder.ledger.read_text().splitlines(keepends=True)
    third = tmp_path / "results" / "third"
    shutil.copytree(two_nights[2].folder.path, third)
    shutil.rmtree(tmp_path / "results" / "first")
    for name in ("checkpoint.sqlite", MEMORY):
        (third / name).unlink(missing_ok=True)
    text = "".join(lines[: len(lines) // 2]).replace(str(two_nights[0]), str(tmp_path))
    (third / "ledger.jsonl").write_text(text)
    (third / "session.toml").unlink()
    end = resume_night(third, fake_surroundings(tmp_path))
    assert end.night.earlier == two_nights[2].night.earlier
    events = read_events(end.folder.ledger)
    assert sum(isinstance(event, EarlierNightsRead) for event in events) == 1
    assert seeds(end.night) >= seeds(NightRecord.replay(read_events(third / "ledger.jsonl")[: len(lines) // 2]))
    assert not seeds(end.night) & seeds(two_nights[1].night)


def test_a_night_told_to_know_nothing_reads_nothing_and_says_so(
    two_nights: tuple[Path, NightEnd, NightEnd], tmp_path: Path
) -> None:
    shutil.copytree(two_nights[0], tmp_path, dirs_exist_ok=True)
    end = run(tmp_path, "alone", "referee.earlier_nights=false")
    assert end.night.earlier is None
    assert end.night.drift is None
    assert seeds(end.night) & seeds(two_nights[1].night)
    assert "told to know nothing" in (end.folder.path / "report.md").read_text()
    assert json.loads(end.folder.summary.read_text())["earlier_nights"] is None
    assert not (end.folder.path / MEMORY).exists()


def test_another_suite_is_another_project(two_nights: tuple[Path, NightEnd, NightEnd], tmp_path: Path) -> None:
    shutil.copytree(two_nights[0], tmp_path, dirs_exist_ok=True)
    write_items(tmp_path / "items.jsonl", per_category=18)
    earlier = run(tmp_path, "other").night.earlier
    assert earlier is not None
    assert [night.reason for night in earlier.nights] == ["another project: other items or another base model"] * 2
    assert (earlier.noise, earlier.claim.number, earlier.series) == (None, 1, 0)


def test_another_step_budget_is_not_mixed_in(two_nights: tuple[Path, NightEnd, NightEnd], tmp_path: Path) -> None:
    shutil.copytree(two_nights[0], tmp_path, dirs_exist_ok=True)
    earlier = run(tmp_path, "longer", "probe.steps=7").night.earlier
    assert earlier is not None
    assert (earlier.noise, earlier.priors, earlier.baselines) == (None, (), ())
    assert all("step budget 5 against 7 tonight" in night.reason for night in earlier.nights)


def test_a_session_that_is_refused_leaves_no_folder_it_made(tmp_path: Path) -> None:
    file = write_session(tmp_path, SESSION + "\n[guards]\ncategories = ['nothing']\n")
    with pytest.raises(ConfigError):
        start_night(load_session(file), tmp_path / "results" / "deep" / "night", fake_surroundings(tmp_path))
    assert not (tmp_path / "results").exists()
    (tmp_path / "results").mkdir()
    with pytest.raises(ConfigError):
        start_night(load_session(file), tmp_path / "results" / "night", fake_surroundings(tmp_path))
    assert (tmp_path / "results").is_dir()


def test_libraries_that_changed_since_a_night_began_stop_its_resume(
    two_nights: tuple[Path, NightEnd, NightEnd], tmp_path: Path
) -> None:
    ledger = two_nights[1].folder.ledger
    events = read_events(ledger)
    night = NightRecord.replay(events)
    now = next(event.plan.request for event in events if isinstance(event, ProbeStarted))
    folder = SessionFolder(two_nights[1].folder.path)
    require_same_conditions(night, now.model_copy(update={"seed": 99}), folder)
    changed = now.model_copy(update={"versions": {**now.versions, "trl": "0.0.1"}})
    with pytest.raises(ComparabilityError, match=rf"trl {now.versions['trl']} against 0\.0\.1"):
        require_same_conditions(night, changed, folder)
    old = tmp_path / "old"
    old.mkdir()
    shutil.copytree(two_nights[0], old, dirs_exist_ok=True)
    out = old / "results" / "first"
    before = [event for event in events if not isinstance(event, SessionStopped)]
    text = "".join(event.model_dump_json() + "\n" for event in before[:-8])
    text = text.replace(f'"trl":"{now.versions["trl"]}"', '"trl":"0.0.1"').replace(str(two_nights[0]), str(old))
    (out / "ledger.jsonl").write_text(text)
    (out / "session.toml").unlink()
    with pytest.raises(ComparabilityError, match=r"trl 0\.0\.1 against"):
        resume_night(out, fake_surroundings(old))
    only_begun = text.splitlines(keepends=True)[:3]
    (out / "ledger.jsonl").write_text("".join(only_begun))
    with pytest.raises(ComparabilityError, match=r"trl 0\.0\.1 against"):
        resume_night(out, fake_surroundings(old))


def test_the_plan_takes_over_noise_priors_level_and_seeds_of_the_ledger(
    two_nights: tuple[Path, NightEnd, NightEnd],
) -> None:
    plan = NightPlan(
        session="s", seed=1, baseline=load_session(two_nights[0] / "session.toml").recipe, target="private_voice",
        guards={}, referee=load_session(two_nights[0] / "session.toml").referee, budget_probes=1, confirm_probes=1,
        max_attempts=1, search_items={}, held_out_items={}, samples=1,
    )  # fmt: skip
    noise = EarlierNoise(nights=1, degrees_of_freedom=9, metric_sd={"private_voice": 0.3})
    claim = ClaimLevel(number=2, level=0.02, session_level=0.05, fdr=0.15, past=())
    prior = LanePrior(target="private_voice", lane="curriculum", mean=-0.4, sd=0.6, candidates=5, weight=0.3)
    earlier = EarlierNights(project="p", conditions="c", noise=noise, priors=(prior,), claim=claim, series=2)
    informed = with_earlier(plan, earlier)
    assert (informed.earlier_noise, informed.claim_level, informed.series) == (noise, 0.02, 2)
    assert {lane: (p.mean, p.sd, p.tail_df) for lane, p in informed.priors.items()} == {"curriculum": (-0.4, 0.6, 3.0)}
    dropped = with_earlier(plan, earlier.model_copy(update={"confirm_noise": noise}), noise_dropped=True)
    assert (dropped.earlier_noise, dropped.earlier_confirm_noise) == (None, None)
    assert with_earlier(plan, None) == plan
    assert with_earlier(replace(plan, target="ground_truth"), earlier).priors == {}
    assert informed.search_seed(0) != plan.search_seed(0)
    assert replace(informed, series=0).confirm_seed("final", 3) == plan.confirm_seed("final", 3)


def test_the_check_before_a_night_knows_what_the_night_will(
    two_nights: tuple[Path, NightEnd, NightEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(two_nights[0])
    config = load_session(two_nights[0] / "session.toml", [SMALL])
    checked = check_session(config, fake_surroundings(two_nights[0]))
    earlier = checked.preflight.earlier
    assert earlier is not None
    assert [night.session for night in earlier.nights] == ["first", "second"]
    assert checked.plan.earlier_noise == earlier.noise
    assert checked.preflight.power.noise_source == "earlier night"
    assert checked.as_json()["earlier_nights"]["claim"]["level"] == checked.plan.claim_level
    alone = check_session(
        load_session(two_nights[0] / "session.toml", [SMALL, "referee.earlier_nights=false"]),
        fake_surroundings(two_nights[0]),
    )
    assert (alone.preflight.earlier, alone.as_json()["earlier_nights"]) == (None, None)
