from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes_session import write_session
from fakes_shell import Shell


class SessionShell(Shell):
    """Runs a command on its small session."""

    def __call__(self, command: str, *arguments: str) -> tuple[int, str, str]:
        return super().__call__(command, self.session, *arguments)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> SessionShell:
    return SessionShell(tmp_path, capsys)


def test_simulate_prints_power_streams_and_one_sentence(shell: SessionShell) -> None:
    code, printed, said = shell("simulate", "--nights", "2", "--set", "budget.probes=24")
    assert code == 0
    for words in ("resolvable", "rich", "lean", "barren", "null", "claims wrongly", "expect a budget of 24 probes"):
        assert words in printed
    assert "simulating 8 nights" in said


def test_json_holds_the_same_for_machines_and_repeats(shell: SessionShell) -> None:
    arguments = ("--nights", "2", "--set", "budget.probes=24", "--json")
    code, printed, _ = shell("simulate", *arguments)
    told = json.loads(printed)
    assert code == 0
    assert (told["session"], told["budget"], told["power"]["noise_source"]) == ("small", 24, "assumed")
    assert [row["stream"] for row in told["streams"]] == ["rich", "lean", "barren", "null"]
    assert {"shipped", "claim", "false_claim", "found", "missed"} <= set(told["streams"][0])
    assert shell("simulate", *arguments)[1] == printed
    assert shell("simulate", *arguments, "--set", "seed=1")[1] != printed


@pytest.mark.parametrize("nights", ["0", "-1", "many", "100001"])
def test_a_number_of_nights_that_makes_no_sense_is_bad_input(shell: SessionShell, nights: str) -> None:
    code, printed, said = shell("simulate", "--nights", nights)
    assert (code, printed) == (2, "")
    assert "--nights" in said


def test_a_session_that_could_not_conclude_is_not_simulated(shell: SessionShell) -> None:
    code, printed, said = shell("simulate", "--set", "guards.margin=0.1")
    assert (code, printed) == (2, "")
    for words in ("cannot resolve its margin of 0.1", "referee.allow_blind_guards=true"):
        assert words in said
    allowed = ("--set", "guards.margin=0.1", "--set", "referee.allow_blind_guards=true", "--set", "budget.probes=24")
    assert shell("simulate", "--nights", "1", *allowed)[0] == 0


def test_few_items_are_called_directional_and_stop_the_night_unless_it_may_show_a_direction(
    shell: SessionShell,
) -> None:
    few = ("--set", "suite.held_out=0.3", "--set", "budget.probes=24")
    code, printed, said = shell("check", *few)
    assert code == 2
    assert "target `private_voice` has 11 search" in said
    assert "the night could claim nothing" in said
    for words in ("11/5*", "directional, no claim may rest on it"):
        assert words in printed
    allowed = (*few, "--set", "referee.allow_blind_guards=true")
    code, printed, _ = shell("check", *allowed)
    assert code == 0
    assert "the night can show a direction, and claim nothing" in printed
    assert "it claims nothing" in shell("simulate", "--nights", "1", *allowed)[1]


def test_the_users_own_noise_is_named_as_its_source(shell: SessionShell) -> None:
    _, printed, _ = shell("check", "--set", "referee.noise_sd=0.3")
    assert "referee.noise_sd` = 0.3" in printed
    assert "run-to-run sd of 0.30" in printed
    assert "sampling 2" in shell("check")[1]


def test_ctrl_c_ends_a_simulation_at_once(tmp_path: Path) -> None:
    tests = Path(__file__).parents[2]
    script = "import sys; from fakes_session import *; from runner.cli import main; " \
        "main(['simulate', sys.argv[1], '--nights', '4000'], fake_surroundings(Path(sys.argv[2])))"  # fmt: skip
    session = str(write_session(tmp_path))
    running = subprocess.Popen(
        [sys.executable, "-c", script, session, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": f"{tests}:{tests.parent}"},
    )  # fmt: skip
    assert running.stderr is not None
    try:
        assert "simulating" in running.stderr.readline()
        time.sleep(0.5)
        os.killpg(running.pid, signal.SIGINT)
        said = running.communicate(timeout=30)[1]
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
