import json
import os
from pathlib import Path

import pytest
import torch
from tiny_base import QUIET, tiny_request
from tiny_base import tiny_base as tiny_base

from probes.execution import run_request, tail, write_atomically
from probes.outcome import ProbeOutcome, ProbeStatus
from probes.recipe import Precision
from probes.statistics.early_stop import Checkpoint, StopRule
from probes.warm_base import LoadedBase, WarmBase, load_base

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]


class HungryBase(WarmBase):
    """Asks for a pebibyte."""

    def get(self, folder: Path, digest: str, precision: Precision) -> LoadedBase:
        torch.empty(1 << 50)
        raise AssertionError("no machine has a pebibyte")


def test_running_out_of_memory_is_a_status_of_its_own(tiny_base: Path, tmp_path: Path) -> None:
    outcome = run_request(tiny_request(tiny_base, tmp_path / "probe"), HungryBase())
    assert outcome.status is ProbeStatus.OUT_OF_MEMORY
    assert outcome.training is None
    assert "Traceback" in outcome.log_tail
    assert ProbeOutcome.model_validate_json((tmp_path / "probe" / "outcome.json").read_text()) == outcome


def test_a_folder_that_cannot_be_written_is_a_crashed_probe(tiny_base: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    request = tiny_request(tiny_base, tmp_path / "probe").model_copy(update={"folder": str(blocked / "probe")})
    outcome = run_request(request, WarmBase())
    assert outcome.status is ProbeStatus.CRASHED
    assert "cannot be written" in outcome.message


def test_what_a_probe_prints_goes_to_its_log_and_not_to_stdout(
    tiny_base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Talkative(WarmBase):
        def get(self, folder: Path, digest: str, precision: Precision) -> LoadedBase:
            os.write(1, b"to stdout\n")
            os.write(2, b"to stderr\n")
            raise OSError("gone")

    outcome = run_request(tiny_request(tiny_base, tmp_path / "probe"), Talkative())
    assert outcome.message == "OSError: gone"
    assert "to stdout" in outcome.log_tail
    assert "to stderr" in outcome.log_tail
    assert capfd.readouterr().out == ""


def test_a_warm_base_is_kept_by_digest_and_dropped_for_another(tiny_base: Path) -> None:
    warm = WarmBase()
    first = warm.get(tiny_base, "one", "auto")
    assert warm.get(tiny_base, "one", "auto") is first
    assert warm.get(tiny_base, "two", "auto") is not first


def test_a_loaded_base_is_frozen_and_without_dropout(tiny_base: Path) -> None:
    base = load_base(tiny_base, "auto")
    assert not any(weight.requires_grad for weight in base.model.parameters())
    assert not base.model.training
    assert all(module.p == 0 for module in base.model.modules() if isinstance(module, torch.nn.Dropout))


def test_files_are_replaced_whole_and_leave_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    write_atomically(path, "one")
    write_atomically(path, "two")
    assert path.read_text() == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["outcome.json"]


def test_a_tail_is_the_last_lines_and_empty_without_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(str(n).encode() for n in range(100)) + b"\n\xff")
    assert tail(path, 3) == "98\n99\n�"
    assert tail(tmp_path / "none") == ""


def test_a_hopeless_training_is_stopped_and_a_usual_one_is_the_same_with_and_without_the_rule(
    tiny_base: Path, tmp_path: Path
) -> None:
    warm = WarmBase()
    plain = run_request(tiny_request(tiny_base, tmp_path / "plain"), warm)
    outcomes: list[ProbeOutcome] = []
    for name, most_loss in (("usual", 100.0), ("hopeless", 0.0)):
        look = Checkpoint(points=2, step=2, most_loss=most_loss)
        rule = StopRule(rate=0.1, floor=4.0, recipes=18, checkpoints=(look,))
        outcomes.append(run_request(tiny_request(tiny_base, tmp_path / name, stop_rule=rule), warm))
    usual, hopeless = outcomes
    assert (usual.items, usual.adapter, usual.companions) == (plain.items, plain.adapter, plain.companions)
    assert (hopeless.status, hopeless.items, hopeless.companions) == (ProbeStatus.STOPPED_EARLY, (), {})
    assert hopeless.key == plain.key
    assert hopeless.message.startswith("at step 2 its loss was ")
    assert hopeless.training is not None
    assert (hopeless.training.steps_done, hopeless.training.steps_planned) == (2, 4)
    assert hopeless.log_tail == ""
    assert not (tmp_path / "hopeless" / "adapter").exists()


def test_a_probe_measures_its_companions(tiny_base: Path, tmp_path: Path) -> None:
    request = tiny_request(tiny_base, tmp_path / "probe")
    suite = Path(request.suite.path)
    rows = [json.loads(line) for line in suite.read_text().splitlines()]
    suite.write_text("".join(json.dumps({**row, "chosen": "Low."}) + "\n" for row in rows if row["category"] == "tide"))
    outcome = run_request(request, WarmBase())
    assert sorted(outcome.companions) == ["likelihood/tide", "reward_margin"]
    assert outcome.companion_seconds is not None
    assert 0.0 < outcome.companion_seconds < outcome.seconds
