"""`nightlab invalidate` on real session folders, with workers that only pretend to train."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from fakes_session import fake_surroundings, write_session

from probes.errors import ConfigError
from runner.adapters import AdapterSweeper
from runner.cli import main
from runner.folder import SessionFolder, state_of
from runner.invalidate import LONGEST_REASON, Marked, invalidate_night, since_when
from runner.overrides import load_session
from runner.session import resume_night, start_night
from tracking.events import MeasurementsInvalidated
from tracking.ledger import Ledger, read_events
from tracking.memory.siblings import learners, peek, recall
from tracking.night import NightRecord

WHY = "the server answered for the base model"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished night that claims something, adapters kept."""
    folder = tmp_path_factory.mktemp("night")
    config = load_session(write_session(folder), ["probe.keep_adapters=true", "launcher.workers=1"])
    end = start_night(config, folder / "out", fake_surroundings(folder, FAKE_ADAPTERS="1"))
    assert end.night.claim is not None
    assert end.night.claim.confirmed
    return end.folder.path


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def mark(out: Path, when: str = "#12", reason: str = WHY, dry_run: bool = False) -> Marked:
    return invalidate_night(out, when, reason, fake_surroundings(out.parent), dry_run)


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "results.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def load(out: Path) -> NightRecord:
    return SessionFolder(out).load()


def marked_keys(night: NightRecord) -> set[str]:
    return {probe.outcome.key for probe in night.invalidated} - {probe.outcome.key for probe in night.probes}


def test_everything_that_is_read_says_so_and_nothing_is_deleted(out: Path) -> None:
    before, ledger = load(out), (out / "ledger.jsonl").read_bytes()
    measured = {probe.outcome.key: files(out / "probes" / probe.outcome.key) for probe in before.probes}
    marked = mark(out)
    assert (out / "ledger.jsonl").read_bytes().startswith(ledger)
    assert len(read_events(out / "ledger.jsonl")) == ledger.count(b"\n") + 1
    night = load(out)
    assert state_of(night) == "invalidated"
    assert [probe.plan.number for probe in marked.probes] == list(night.marked)
    for key in marked_keys(night):
        assert not (out / "probes" / key).exists()
        assert files(out / "probes" / f"{key}.invalidated-1") == measured[key] != {}
    for probe in night.probes:
        assert files(out / "probes" / probe.outcome.key) == measured[probe.outcome.key]
    for report in ("report.md", "report.html"):
        text = (out / report).read_text()
        assert "Invalidated measurements" in text
        assert WHY in text
        assert "withdrawn" in text
    page = json.loads((out / "summary.json").read_text())
    assert page["claim"]["confirmed"] is False
    assert page["invalidated"][0]["reason"] == WHY
    told = {row["probe"] for row in rows(out) if row["verdict"] == "invalidated"}
    assert told == {str(number) for number in night.marked}
    assert len(rows(out)) == len(before.probes)
    assert not (out / "memory.json").exists()
    assert not (out / "checkpoint.sqlite").exists()
    assert WHY in (out / "progress.log").read_text().splitlines()[-1]


def test_a_marked_night_goes_on_and_measures_again(out: Path) -> None:
    before = load(out)
    mark(out)
    end = resume_night(out, fake_surroundings(out.parent, FAKE_ADAPTERS="1"))
    night = load(out)
    assert state_of(night) == "finished"
    assert night.claim == before.claim, "the pretended scores are the same"
    assert end.night.claim == night.claim
    assert [probe.outcome.key for probe in night.probes] == [probe.outcome.key for probe in before.probes]
    for key in {probe.outcome.key for probe in night.invalidated}:
        old, new = (out / "probes" / name / "adapter" / "weights" for name in (f"{key}.invalidated-1", key))
        assert int(new.read_text()) > int(old.read_text()), "measured anew"
    assert not marked_keys(night)
    assert len(rows(out)) == len(night.ended) > len(before.probes)
    assert "invalidated" in (out / "report.md").read_text()
    assert (out / "memory.json").is_file()
    assert recall(out, peek(out).project).keys == tuple(sorted(p.outcome.key for p in night.probes if p.plan.is_whole))
    resume_night(out, fake_surroundings(out.parent))
    assert load(out).resumes == night.resumes, "a finished night is left alone"


def test_marked_twice_the_folders_lie_side_by_side(out: Path) -> None:
    mark(out, "#20")
    resume_night(out, fake_surroundings(out.parent, FAKE_ADAPTERS="1"))
    night = load(out)
    again = next(p for p in night.probes if p.plan.number > max(night.marked))
    mark(out, f"#{again.plan.number}", "and the suite was wrong")
    twice = load(out)
    assert [len(each.numbers) for each in twice.invalidations] == [len(night.marked)] * 2
    for number in (1, 2):
        assert (out / "probes" / f"{again.outcome.key}.invalidated-{number}" / "adapter" / "weights").is_file()
    assert not (out / "probes" / again.outcome.key).exists()
    assert "and the suite was wrong" in (out / "report.md").read_text()


def test_a_kill_between_the_line_and_the_folders_is_mended_by_either_command(out: Path, tmp_path: Path) -> None:
    night = load(out)
    with Ledger(out / "ledger.jsonl") as ledger:
        at = fake_surroundings(tmp_path).clock.now()
        ledger.append(MeasurementsInvalidated(at=at, since=night.probes[11].at, reason=WHY))
    stale = (out / "report.md").read_text()
    assert "withdrawn" not in stale
    other = shutil.copytree(out, tmp_path / "other" / "out")
    lines = (out / "ledger.jsonl").read_bytes()
    marked = mark(out)
    assert (out / "ledger.jsonl").read_bytes() == lines, "what is marked is not marked again"
    assert len(marked.probes) == len(night.probes) - 11
    assert "withdrawn" in (out / "report.md").read_text()
    aside = {path.name for path in (out / "probes").glob("*.invalidated-1")}
    assert aside == {f"{key}.invalidated-1" for key in marked_keys(load(out))} != set()
    resume_night(other, fake_surroundings(tmp_path))
    assert {path.name for path in (other / "probes").glob("*.invalidated-1")} == aside
    assert load(other).claim == night.claim


def test_a_folder_that_was_measured_anew_is_not_moved_by_a_second_resume(out: Path) -> None:
    mark(out, "#20")
    key = load(out).invalidated[0].outcome.key
    shutil.rmtree(out / "probes" / f"{key}.invalidated-1")  # as if the first measurement had left none
    resume_night(out, fake_surroundings(out.parent, FAKE_ADAPTERS="1"))
    latest = load(out).probes[-1].plan.number
    mark(out, f"#{latest}", "only the last")
    assert (out / "probes" / key).is_dir()
    assert not (out / "probes" / f"{key}.invalidated-1").exists()


def test_a_dry_run_lists_and_changes_nothing(out: Path) -> None:
    before = files(out)
    marked = mark(out, dry_run=True)
    assert files(out) == before
    assert [probe.plan.number for probe in marked.probes] == [p.plan.number for p in load(out).probes[11:]]


@pytest.mark.parametrize(
    ("when", "reason", "message"),
    [
        ("#99", WHY, r"#99` must name a probe that has ended, those are #1 … #\d+"),
        ("yesterday", WHY, r"ISO 8601 time such as .* got `yesterday`"),
        ("2999-01-01", WHY, r"must not lie in the future, got `2999-01-01`"),
        ("#3", "  \n ", r"`--reason` must say in 1 to 400 characters"),
        ("#3", "x" * (LONGEST_REASON + 1), r"got 401; give a sentence"),
    ],
)
def test_a_mark_that_says_nothing_is_refused(out: Path, when: str, reason: str, message: str) -> None:
    before = files(out)
    with pytest.raises(ConfigError, match=message):
        mark(out, when, reason)
    assert files(out) == before


def test_nothing_to_mark_is_refused(out: Path) -> None:
    night = load(out)
    now = fake_surroundings(out.parent).clock.now()
    with pytest.raises(ConfigError, match=rf"nothing to mark since .* #{night.probes[-1].plan.number}, ended at"):
        mark(out, now)
    mark(out)
    with pytest.raises(ConfigError, match="no session"):
        mark(out.parent / "nowhere")
    assert not (out.parent / "nowhere").exists()


def test_a_running_session_and_a_probe_marked_before_are_refused(out: Path) -> None:
    with SessionFolder(out).locked(), pytest.raises(ConfigError, match=r"is running, .* Ctrl-C"):
        mark(out)
    mark(out)
    resume_night(out, fake_surroundings(out.parent))
    with pytest.raises(ConfigError, match=r"probe #15 is invalid already, since 2\d\d\d-.*: the server"):
        mark(out, "#15")


def test_a_time_means_the_same_moment_in_any_zone(out: Path) -> None:
    night = load(out)
    at = datetime.fromisoformat(night.probes[5].at)
    now = fake_surroundings(out.parent).clock.now()
    expected = at.isoformat(timespec="milliseconds")
    for when in (at.isoformat(), at.astimezone().isoformat(), at.astimezone().replace(tzinfo=None).isoformat(sep=" ")):
        assert since_when(when, night, now) == expected
    assert since_when("#6", night, now) == since_when("6", night, now) == night.probes[5].at
    assert since_when("2026-01-01", night, now).endswith("+00:00")


def test_a_number_means_that_probe_and_all_later_ones_even_if_one_ended_before(out: Path) -> None:
    night = load(out)
    now = night.last_at
    swapped = NightRecord(probes=[*night.probes[:9], night.probes[11], night.probes[9], *night.probes[12:]])
    first = swapped.probes[9]
    assert first.plan.number > swapped.probes[10].plan.number
    assert since_when(f"#{swapped.probes[10].plan.number}", swapped, now) == first.at


def test_later_nights_do_not_learn_from_a_marked_night(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path), ["budget.probes=20"])
    around = fake_surroundings(tmp_path)
    first = start_night(config, tmp_path / "results" / "first", around).folder.path
    second = start_night(config, tmp_path / "results" / "second", around).folder
    assert learners(first) == ("second",)
    marked = invalidate_night(first, "#1", WHY, around)
    assert marked.learners == ("second",)
    third = start_night(config, tmp_path / "results" / "third", around).night
    assert third.earlier is not None
    told = {each.session: each for each in third.earlier.nights}
    assert told["first"].used == ()
    assert told["first"].reason == "what it measured was invalidated, and it has not gone on since"
    assert told["second"].used
    assert second.load().claim is not None


def test_the_whole_night_can_be_marked(out: Path) -> None:
    before = load(out)
    mark(out, "2000-01-01")
    night = load(out)
    assert (night.probes, night.candidates, night.power, night.noise) == ([], {}, None, None)
    assert night.earlier == before.earlier
    resume_night(out, fake_surroundings(out.parent))
    assert load(out).claim == before.claim


def test_the_sweeper_never_takes_what_was_measured_anew(finished: Path, tmp_path: Path) -> None:
    events = read_events(finished / "ledger.jsonl")
    night = NightRecord.replay(events)
    rejected = next(name for name, found in night.readings.items() if found[-1].decision in ("reject", "park"))
    keys = [probe.outcome.key for probe in night.probes if probe.plan.candidate == rejected]
    for key in keys:
        (tmp_path / key / "adapter").mkdir(parents=True)
    event = MeasurementsInvalidated(at=night.last_at, since=night.probes[0].at, reason=WHY)
    sweeper = AdapterSweeper(tmp_path, keep_all=False)
    for each in [*events, event]:
        sweeper.take(each)
    sweeper(event)
    assert all((tmp_path / key / "adapter").is_dir() for key in keys)
    other = AdapterSweeper(tmp_path, keep_all=False)
    for each in events:
        other(each)
    assert not any((tmp_path / key / "adapter").is_dir() for key in keys)


def test_the_command_marks_says_what_it_did_and_status_knows(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shell(*arguments: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments, fake_surroundings(out.parent))
        printed, said = capsys.readouterr()
        return caught.value.code, printed, said

    last = load(out).probes[-1].plan.number
    code, printed, _ = shell("invalidate", str(out), "--since", "#12", "--reason", WHY, "--dry-run")
    assert code == 0
    for words in ("would be invalidated", f"#12 … #{last}", "It would withdraw: ", "Nothing was changed"):
        assert words in printed
    code, printed, _ = shell("invalidate", str(out), "--since", "#12", "--reason", WHY)
    assert code == 0
    for words in (
        f"{last - 11} probes invalidated since 20",
        WHY,
        "What the night had claimed is withdrawn",
        "nightlab resume",
    ):
        assert words in printed
    code, printed, _ = shell("status", str(out))
    assert "out: invalidated" in printed
    assert f": {WHY}" in printed
    code, printed, _ = shell("status", str(out), "--json")
    told = json.loads(printed)
    assert (told["state"], told["probes"]["invalidated"], told["claim"]["confirmed"]) == (
        "invalidated",
        last - 11,
        False,
    )
    code, printed, said = shell("invalidate", str(out), "--since", "#12")
    assert (code, printed) == (2, "")
    code, printed, said = shell("invalidate", str(out), "--since", "#12", "--reason", "")
    assert (code, printed) == (2, "")
    assert "`--reason` must say" in said
