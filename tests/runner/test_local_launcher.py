from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import fakes_worker as does
import psutil
import pytest
from fakes import make_request

from probes.errors import LaunchError
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.recipe import Recipe
from runner.interrupts import StopRequest, catching_signals
from runner.launchers.local import LocalLauncher
from runner.launchers.worker_process import MOST_OUTPUT
from tracking.clock import SystemClock
from tracking.events import ProbePlan

FAKE_WORKER = (sys.executable, str(Path(does.__file__)))


class Night:
    """Collects what the launcher calls back."""

    def __init__(self, launcher: LocalLauncher, folder: Path) -> None:
        self.launcher, self.folder = launcher, folder
        self.started: list[int] = []
        self.outcomes: dict[int, ProbeOutcome] = {}
        self.threads: set[int] = set()

    def run(self, *seeds: int, deadline_s: float = 30.0) -> dict[int, ProbeOutcome]:
        plans = [plan(seed, number, self.folder, deadline_s) for number, seed in enumerate(seeds)]
        self.launcher.run(plans, self._start, self._finish)
        return self.outcomes

    def _start(self, plan: ProbePlan) -> None:
        self.threads.add(threading.get_ident())
        self.started.append(plan.number)

    def _finish(self, plan: ProbePlan, outcome: ProbeOutcome) -> None:
        self.threads.add(threading.get_ident())
        assert outcome.key == plan.request.key
        self.outcomes[plan.number] = outcome


def plan(seed: int, number: int, folder: Path, deadline_s: float = 30.0) -> ProbePlan:
    changes = {"deadline_s": deadline_s, "folder": str(folder / f"probe-{number}")}
    request = make_request(Recipe(base_model="m"), seed, "search").model_copy(update=changes)
    return ProbePlan(number=number, phase="search", arm="baseline", replicate=number, request=request)


def open_launcher(
    tmp_path: Path,
    workers: int = 1,
    stop: StopRequest | None = None,
    command: tuple[str, ...] = FAKE_WORKER,
    **more: str,
) -> LocalLauncher:
    environment = {**os.environ, **more}
    return LocalLauncher((None,) * workers, tmp_path, SystemClock(), stop or StopRequest(), command, environment)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    with open_launcher(tmp_path) as launcher:
        yield Night(launcher, tmp_path)


def test_outcomes_come_back_and_the_worker_stays_warm(night: Night) -> None:
    outcomes = night.run(does.OK, does.CHATTERS)
    assert [o.status for o in outcomes.values()] == [ProbeStatus.COMPLETED] * 2
    assert outcomes[0].message == outcomes[1].message, "both were done by one process"


def test_callbacks_run_on_the_calling_thread_and_starts_keep_the_order(tmp_path: Path) -> None:
    with open_launcher(tmp_path, workers=2) as launcher:
        night = Night(launcher, tmp_path)
        night.run(*[does.OK] * 5)
    assert night.started == [0, 1, 2, 3, 4]
    assert night.threads == {threading.get_ident()}


def test_a_crash_costs_one_probe_and_says_why(night: Night) -> None:
    outcomes = night.run(does.EXITS, does.OK)
    assert outcomes[0].status is ProbeStatus.CRASHED
    assert "exit code 3" in outcomes[0].message
    assert outcomes[0].log_tail == "the last words"
    assert outcomes[0].items == ()
    assert "exit code 3" in (night.folder / "probe-0" / "outcome.json").read_text()
    assert outcomes[1].status is ProbeStatus.COMPLETED


def test_a_signal_is_named(night: Night) -> None:
    assert "SIGKILL" in night.run(does.KILLED)[0].message


def test_the_log_tail_belongs_to_the_failed_probe_alone(night: Night) -> None:
    outcomes = night.run(does.EXITS, does.KILLED)
    assert outcomes[1].log_tail == ""


def test_what_a_probe_printed_into_its_own_log_is_shown(night: Night) -> None:
    log = night.folder / "probe-0" / "worker.log"
    log.parent.mkdir()
    log.write_text("an earlier attempt\n")
    outcome = night.run(does.LOGS_AND_EXITS)[0]
    assert outcome.log_tail == "said in the probe's log"


def test_a_stopped_probe_keeps_how_far_its_training_came_but_not_an_earlier_attempts(night: Night) -> None:
    folder = night.folder / "probe-0"
    folder.mkdir(parents=True)
    log, head = folder / "training_log.jsonl", {"steps_planned": 50, "rows": 60, "composition": {}}
    log.write_text(json.dumps(head) + "\n")
    assert night.run(does.HANGS, deadline_s=0.6)[0].training is None
    step = {"step": 20, "seconds": 1.0, "loss": 2.0, "learning_rate": 1e-3, "reward_margin": None, "grad_norm": 1.0}
    ended = threading.Event()

    def train() -> None:
        while not ended.wait(0.1):  # whole at every moment: a reader may come between emptying and writing
            aside = log.with_suffix(".aside")
            aside.write_text(json.dumps(head) + "\n" + json.dumps(step) + "\n")
            aside.replace(log)

    writer = threading.Thread(target=train)
    writer.start()
    training = night.run(does.HANGS, deadline_s=1.5)[0].training
    ended.set()
    writer.join()
    assert training is not None
    assert training.completion == pytest.approx(0.4)


def test_a_hanging_probe_is_stopped_at_its_deadline(night: Night) -> None:
    began = time.monotonic()
    outcomes = night.run(does.HANGS, does.OK, deadline_s=0.6)
    assert outcomes[0].status is ProbeStatus.TIMED_OUT
    assert "probe.deadline_s" in outcomes[0].message
    assert outcomes[0].seconds == pytest.approx(0.8, abs=0.6)
    assert outcomes[1].status is ProbeStatus.COMPLETED
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("seed", [does.ANSWERS_GARBAGE, does.WRONG_KEY])
def test_a_wrong_answer_is_a_crash_and_never_a_score(night: Night, seed: int) -> None:
    outcomes = night.run(seed, does.OK)
    assert outcomes[0].status is ProbeStatus.CRASHED
    assert outcomes[1].status is ProbeStatus.COMPLETED


def test_a_score_that_is_no_number_is_a_crash(night: Night) -> None:
    outcomes = night.run(does.NOT_A_NUMBER, does.OK)
    assert outcomes[0].status is ProbeStatus.CRASHED
    assert "no probe outcome" in outcomes[0].message
    assert outcomes[1].status is ProbeStatus.COMPLETED


@pytest.mark.parametrize("seed", [does.FLOODS, does.FLOODS_ITS_LOG, does.FLOODS_ONE_LINE])
def test_a_worker_that_floods_its_output_is_stopped_and_its_logs_are_cut(night: Night, seed: int) -> None:
    (night.folder / "probe-0").mkdir()
    outcomes = night.run(seed, does.OK)
    assert outcomes[0].status is ProbeStatus.CRASHED
    assert "MiB of output" in outcomes[0].message
    assert outcomes[1].status is ProbeStatus.COMPLETED
    left = sum(path.stat().st_size for path in night.folder.rglob("*.log"))
    assert left < MOST_OUTPUT


def test_a_place_whose_workers_keep_dying_rests_while_the_other_works(tmp_path: Path) -> None:
    """Its first worker starts, every later one ends at once: the probes are done by the first alone."""
    starts = tmp_path / "starts"
    with open_launcher(tmp_path, workers=2, FAKE_ONE_DIES=str(starts)) as launcher:
        outcomes = Night(launcher, tmp_path).run(*[does.SLOW] * 6)
    assert [outcome.status for outcome in outcomes.values()] == [ProbeStatus.COMPLETED] * 6
    assert len({outcome.message for outcome in outcomes.values()}) == 1
    assert 3 <= starts.stat().st_size <= 8


def test_workers_run_side_by_side(tmp_path: Path) -> None:
    with open_launcher(tmp_path, workers=2) as launcher:
        night = Night(launcher, tmp_path)
        night.run(does.OK, does.OK)
        pids = {outcome.message for outcome in night.run(does.SLOW, does.SLOW).values()}
    assert len(pids) == 2


def test_workers_see_no_api_key_and_one_thread(tmp_path: Path) -> None:
    with open_launcher(tmp_path, FAKE_API_KEY="secret") as launcher:
        told = json.loads(Night(launcher, tmp_path).run(does.TELLS_ENVIRONMENT)[0].message)
    assert told["FAKE_API_KEY"] is None
    assert told["OMP_NUM_THREADS"] == "1"


def test_workers_that_somebody_kills_while_they_start_do_not_end_the_night(tmp_path: Path) -> None:
    with open_launcher(tmp_path, workers=2, FAKE_FIRST_FOUR_DIE=str(tmp_path / "starts")) as launcher:
        outcomes = Night(launcher, tmp_path).run(*[does.OK] * 3)
    assert [outcome.status for outcome in outcomes.values()] == [ProbeStatus.COMPLETED] * 3
    assert (tmp_path / "starts").stat().st_size >= 5


def test_workers_that_cannot_start_end_the_night_with_their_log(tmp_path: Path) -> None:
    with open_launcher(tmp_path, FAKE_START="fails") as launcher, pytest.raises(LaunchError) as caught:
        Night(launcher, tmp_path).run(does.OK)
    assert "no such device" in str(caught.value)
    assert "exit code 5" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_missing_program_is_a_launch_error(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="cannot be started"):
        open_launcher(tmp_path, command=("no-such-program-anywhere",))


def test_the_first_stop_lets_running_probes_finish(tmp_path: Path) -> None:
    stop = StopRequest(lambda text: None)
    with open_launcher(tmp_path, stop=stop) as launcher:
        night = Night(launcher, tmp_path)
        night.run(does.OK)
        threading.Timer(0.15, stop.ask).start()
        outcomes = night.run(does.SLOW, does.OK, does.OK)
        assert launcher.is_stopping
    assert list(outcomes) == [0]
    assert outcomes[0].status is ProbeStatus.COMPLETED


def test_the_second_stop_leaves_running_probes_without_a_result(tmp_path: Path) -> None:
    stop = StopRequest(lambda text: None)
    with open_launcher(tmp_path, stop=stop) as launcher:
        night = Night(launcher, tmp_path)
        threading.Timer(1.0, lambda: [stop.ask(), stop.ask()]).start()
        began = time.monotonic()
        outcomes = night.run(does.HANGS)
    assert outcomes == {}
    assert time.monotonic() - began < 8


def test_signals_reach_us_and_not_the_workers(tmp_path: Path) -> None:
    stop = StopRequest(lambda text: None)
    with open_launcher(tmp_path, stop=stop) as launcher, catching_signals(stop):
        night = Night(launcher, tmp_path)
        night.run(does.OK)
        threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()
        outcomes = night.run(does.SLOW, does.OK)
    assert outcomes[0].status is ProbeStatus.COMPLETED
    assert 1 not in outcomes


def test_a_third_signal_interrupts_whatever_runs() -> None:
    said: list[str] = []
    stop = StopRequest(said.append)
    stop.ask()
    stop.ask()
    with pytest.raises(KeyboardInterrupt):
        stop.ask()
    assert len(said) == 2


def test_a_worker_takes_its_children_along(tmp_path: Path) -> None:
    with open_launcher(tmp_path) as launcher:
        outcome = Night(launcher, tmp_path).run(does.HAS_A_CHILD, deadline_s=0.6)[0]
    child = int(re.findall(r"child (\d+)", outcome.log_tail)[0])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_closing_ends_all_workers(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, workers=2)
    pids = {int(outcome.message) for outcome in Night(launcher, tmp_path).run(*[does.OK] * 4).values()}
    assert all(peak > 0.001 for peak in launcher.peak_memory_gib)
    launcher.close()
    launcher.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
