"""Nights in the background: started, watched, stopped, and never mistaken for another process."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from fakes_session import fake_surroundings, write_session

from probes.errors import ConfigError, LaunchError
from runner.cli import main
from runner.detach import start_detached
from runner.folder import SessionFolder, is_running
from runner.presence import Occupant, occupant_of
from runner.stop import stop_night
from runner.surroundings import Surroundings
from tracking.clock import SystemClock

TESTS = Path(__file__).parent.parent
ENTRY = """
import sys
sys.path[:0] = {paths!r}
from fakes_session import *
from runner.cli import main
main(sys.argv[1:], fake_surroundings(Path({folder!r})))
"""


class Place:
    """A session on disk, and the command line on it, in this process or in the background."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.session = write_session(folder)
        self.out = folder / "Проект mit Leerzeichen"
        entry = ENTRY.format(paths=[str(TESTS), str(TESTS.parent)], folder=str(folder))
        slow = {"FAKE_SECONDS": "0.1", "PYTHONPATH": str(TESTS.parent)}
        self.around = replace(fake_surroundings(folder, **slow), own_command=(sys.executable, "-c", entry))

    def __call__(self, *arguments: str, around: Surroundings | None = None) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([*arguments], around or self.around)
        printed, said = self._capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, printed, said

    def start(self) -> tuple[int, str, str]:
        return self("run", str(self.session), "--out", str(self.out), "--detach", "--set", "budget.probes=22")

    def wait_for_probes(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while (self.out / "ledger.jsonl").read_text().count('"probe_finished"') < count:
            assert time.monotonic() < deadline, "the night did not get that far"
            time.sleep(0.02)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Generator[Place]:
    made = Place(tmp_path, capsys)
    yield made
    occupant = occupant_of(made.out)
    process = occupant.process() if occupant is not None else None
    if process is not None:
        process.kill()


def test_a_night_in_the_background_is_named_watched_and_stopped(place: Place) -> None:
    code, printed, said = place.start()
    assert code == 0
    occupant = occupant_of(place.out)
    assert occupant is not None
    assert printed.splitlines()[0] == f"process  {occupant.pid}, in the background"
    typed = [shlex.split(line)[1:] for line in printed.splitlines()[2:]]
    assert typed == [["nightlab", "status", str(place.out), "--watch"], ["nightlab", "stop", str(place.out)]]
    assert "logs/night.log" in printed
    assert "what it asks" in said, "the plan comes first"
    assert os.getsid(occupant.pid) == occupant.pid != os.getsid(0), "a terminal that closes does not reach it"

    code, _, said = place.start()
    assert code == 2
    assert f"another nightlab works in `{place.out}` (process {occupant.pid})" in said

    place.wait_for_probes(2)
    assert f"running (process {occupant.pid})" in place("status", str(place.out))[1]
    code, printed, _ = place("stop", str(place.out))
    assert code == 0
    assert f"process {occupant.pid} ended after" in printed
    assert f"`nightlab resume '{place.out}'` goes on" in printed
    assert not is_running(SessionFolder(place.out))
    assert not (place.out / "night.pid").exists()
    finished = [line for line in (place.out / "ledger.jsonl").read_text().splitlines() if "probe_finished" in line]
    assert all('"crashed"' not in line for line in finished), "running probes could finish"
    assert json.loads(place("status", str(place.out), "--json")[1])["state"] == "interrupted"

    code, printed, _ = place("resume", str(place.out), "--detach")
    assert code == 0
    code, printed, _ = place("status", str(place.out), "--watch", "--interval", "0.1")
    assert code == 0, "the watch ends as the night did"
    lines = printed.splitlines()
    assert "probes" in lines[0]
    assert any("finished" in line for line in lines)
    assert "nothing to stop" in place("stop", str(place.out))[1]
    assert f"{place.out / 'report.md'}" in (place.out / "logs" / "night.log").read_text()


def test_stop_now_gives_up_running_probes_and_resume_repeats_them(place: Place) -> None:
    slow = replace(place.around, environ={**place.around.environ, "FAKE_SECONDS": "30"})
    assert place("run", str(place.session), "--out", str(place.out), "--detach", around=slow)[0] == 0
    code, printed, _ = place("stop", str(place.out), "--wait", "0.3")
    assert code == 4, "the probes take longer than the wait"
    assert "--now" in printed
    code, printed, _ = place("stop", str(place.out), "--wait", "0")
    assert code == 4, "asked politely twice it stays polite"
    code, printed, _ = place("stop", str(place.out), "--now", "--wait", "20")
    assert (code, "is interrupted" in printed) == (0, True)
    assert place("status", str(place.out), "--watch")[0] == 130


def test_a_night_that_cannot_begin_says_why(place: Place) -> None:
    broken = replace(place.around, environ={**place.around.environ, "FAKE_START": "fails"})
    code, printed, _ = place("run", str(place.session), "--out", str(place.out), "--detach", around=broken)
    assert code == LaunchError.exit_code
    assert "no such device" in printed
    assert not is_running(SessionFolder(place.out))
    (place.folder / "rows.jsonl").unlink()
    code, printed, _ = place("resume", str(place.out), "--detach")
    assert (code, "rows.jsonl does not exist" in printed) == (2, True)
    code, _, said = place("run", str(place.session), "--detach", "--set", "budget.probes=3")
    assert (code, "`budget.probes` must be at least" in said) == (2, True), "bad input is told before anything starts"


def test_a_finished_session_is_not_run_again_in_the_background(place: Place) -> None:
    assert place("run", str(place.session), "--out", str(place.out), "--set", "budget.probes=19")[0] == 0
    code, _, said = place.start()
    assert (code, "already holds a session (finished)" in said) == (2, True)
    code, printed, _ = place("resume", str(place.out), "--detach")
    assert (code, "report.md" in printed) == (0, True)


@pytest.fixture
def bystander() -> Generator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_a_stale_pid_file_is_said_and_nobody_is_signalled(place: Place, bystander: psutil.Process) -> None:
    assert place("run", str(place.session), "--out", str(place.out), "--set", "budget.probes=19")[0] == 0
    pid_file = place.out / "night.pid"
    pid_file.write_text(f"{bystander.pid}\n{bystander.create_time() - 3600:.2f}\n")
    code, printed, _ = place("stop", str(place.out), "--now")
    assert code == 0
    assert f"stale: process {bystander.pid} has ended, and its number belongs to another program now" in printed
    assert bystander.is_running()
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    pid_file.write_text(f"{int(gone.stdout)}\n1.0\n")
    assert "has ended; nothing was signalled" in place("stop", str(place.out))[1]


@pytest.mark.parametrize("offset", [-3600.0, None])
def test_a_process_that_is_not_the_one_is_never_signalled(
    tmp_path: Path, bystander: psutil.Process, offset: float | None
) -> None:
    folder = SessionFolder(tmp_path / "out")
    with folder.locked():
        pid_file = folder.path / "night.pid"
        pid_file.unlink()
        if offset is not None:
            pid_file.write_text(f"{bystander.pid}\n{bystander.create_time() + offset:.2f}\n")
        with pytest.raises(ConfigError, match="nothing was signalled"):
            stop_night(folder, True, 0.0, SystemClock(), time.sleep)
    assert bystander.status() != psutil.STATUS_ZOMBIE


def test_the_pid_file_names_the_process_with_its_start(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path / "out")
    with folder.locked():
        occupant = occupant_of(folder.path)
        assert occupant is not None
        assert occupant.pid == os.getpid()
        assert occupant.process() == psutil.Process()
        assert Occupant(occupant.pid, occupant.started - 60).process() is None
    assert occupant_of(folder.path) is None


def test_stop_before_the_first_line_undoes_the_start(place: Place) -> None:
    folder = SessionFolder(place.out)
    idle = "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code = (
        f"{idle}sys.path.insert(0, {str(TESTS.parent)!r})\nfrom pathlib import Path\n"
        f"from runner.folder import SessionFolder\nwith SessionFolder(Path({str(place.out)!r})).locked():\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        while occupant_of(place.out) is None:
            time.sleep(0.02)
        stopped = stop_night(folder, False, 20.0, SystemClock(), time.sleep)
        process.wait(20)
    assert (stopped.is_over, "had not begun" in stopped.words) == (True, True)
    assert process.returncode == -signal.SIGINT


def test_a_command_that_is_not_there_is_an_environment_that_is_not_ready(place: Place) -> None:
    nobody = replace(place.around, own_command=("/nowhere/nightlab",))
    with pytest.raises(LaunchError, match="no night can be started in the background"):
        start_detached(["run"], SessionFolder(place.out), nobody)


def test_status_of_nothing_is_bad_input_also_when_watched(place: Place) -> None:
    code, _, said = place("status", str(place.folder / "nowhere"), "--watch")
    assert (code, "holds no session" in said) == (2, True)
