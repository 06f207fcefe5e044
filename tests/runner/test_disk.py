from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeClock
from fakes_night import make_night
from fakes_session import fake_surroundings, write_session

from probes.errors import LaunchError, LedgerError
from runner.check import check_night, check_session
from runner.disk import DiskGuard, bytes_needed, free_bytes
from runner.interrupts import StopRequest
from runner.overrides import load_session
from runner.session import start_night
from runner.surroundings import gather_inputs
from tracking.events import ProbeStarted

MIB, GIB = 2**20, 2**30
STARTED = next(event for event in make_night("claim") if isinstance(event, ProbeStarted))


class Disk:
    """A disk whose free space is told look by look; the last stays."""

    def __init__(self, *free: int) -> None:
        self.free = list(free)

    def __call__(self, folder: Path) -> int:
        return self.free.pop(0) if len(self.free) > 1 else self.free[0]


class Pause:
    """A sleep that moves a clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.slept = clock, 0

    def __call__(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.slept += 1


def guard(disk: Disk, patience_s: float = 60.0, stop: StopRequest | None = None) -> tuple[DiskGuard, list[str], Pause]:
    clock, said = FakeClock(), list[str]()
    pause = Pause(clock)
    asked = stop or StopRequest(said.append)
    made = DiskGuard(
        Path("/night"), 100 * MIB, patience_s, clock, asked, said.append, lambda at, text: None, disk, pause
    )
    return made, said, pause


def test_with_room_nothing_is_said_and_nobody_waits() -> None:
    held, said, pause = guard(Disk(200 * MIB))
    held(STARTED)
    for event in make_night("claim"):
        held(event)
    assert (said, pause.slept) == ([], 0)


def test_below_the_reserve_the_next_probe_waits_for_room() -> None:
    held, said, pause = guard(Disk(50 * MIB, 50 * MIB, 60 * MIB, 70 * MIB, 150 * MIB))
    held(STARTED)
    assert pause.slept == 3
    assert "50.0 MiB left where 100.0 MiB are kept free" in said[0]
    assert "paused for up to 1 min" in said[0]
    assert "goes on" in said[1]


def test_a_disk_that_stays_full_stops_the_night_resumable_and_is_not_waited_for_twice() -> None:
    held, said, pause = guard(Disk(0))
    with pytest.raises(LedgerError, match=r"launcher.disk_wait_s.*nightlab resume /night"):
        held(STARTED)
    waited = pause.slept
    assert waited >= 10
    assert list(held.pauses()) == []
    assert pause.slept == waited
    assert len(said) == 1


def test_whoever_asks_for_the_end_does_not_wait_for_the_disk() -> None:
    stop = StopRequest(lambda text: None)
    stop.ask()
    held, _, pause = guard(Disk(0), stop=stop)
    held(STARTED)
    assert pause.slept == 0


def test_what_a_night_needs_grows_with_rank_probes_and_answers(tmp_path: Path) -> None:
    file = write_session(tmp_path)
    around = fake_surroundings(tmp_path)

    def needed(*settings: str, probes: int = 36) -> int:
        config = load_session(file, settings)
        return bytes_needed(config, gather_inputs(config, tmp_path / "suite", around), probes)

    answers = 36 * 4 * 24 * 1024  # bytes of 24 held-out or search items of 1,024 tokens
    weights = 4 * 16 * 7 * (8 + 8)  # the largest rank tried (4 x 4 by default has no knob here), seven layers of 8 x 8
    kept = needed("probe.keep_adapters=true")
    assert kept == answers + 36 * weights // 4
    assert needed() == answers + (16 + 10) * weights // 4
    knob = "lanes.hyperparameters.rank.values=[4, 8]"
    assert needed("probe.keep_adapters=true", knob, "lanes.hyperparameters.rank.max_factor=2.0") > kept
    assert needed(probes=0) == 0


def test_a_night_that_does_not_fit_names_needed_and_free_and_leaves_nothing(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path), ["launcher.disk_reserve_gib=2"])
    around = replace(fake_surroundings(tmp_path), free_bytes=lambda folder: GIB)
    with pytest.raises(LaunchError, match=r"has 1.00 GiB free and the night may need 2.0\d GiB") as caught:
        start_night(config, tmp_path / "out", around)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "out").exists()


def test_the_check_refuses_what_does_not_fit_as_the_night_would(tmp_path: Path) -> None:
    config = load_session(write_session(tmp_path), ["launcher.disk_reserve_gib=2"])
    around = replace(fake_surroundings(tmp_path), free_bytes=lambda folder: GIB)
    with pytest.raises(LaunchError, match=r"has 1.00 GiB free and the night may need 2.0\d GiB"):
        check_night(config, around, tmp_path / "results")
    assert check_session(config, around, tmp_path / "results").preflight.problems == (), "a simulated night needs none"


def test_free_space_is_known_for_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(free_bytes(tmp_path), rel=0.05)
