import json
from pathlib import Path

import pytest

from probes.training.curve import Curve, TrainingDiverged
from probes.training.log import TrainingLog, read_summary


def values(loss: float, **others: float | None) -> dict[str, float | None]:
    return {"loss": loss, "learning_rate": 1e-3, "reward_margin": None, "grad_norm": 1.0, **others}


def test_windows_are_averaged_and_the_last_may_be_short() -> None:
    curve = Curve(40)
    for step in range(1, 6):
        curve.add(step, values(float(step), reward_margin=step / 10))
    assert [(point.step, point.loss) for point in curve.points] == [(2, 1.5), (4, 3.5), (5, 5.0)]
    assert curve.points[0].reward_margin == pytest.approx(0.15)
    assert curve.points[0].learning_rate == 1e-3


def test_a_long_training_keeps_about_twenty_points() -> None:
    curve = Curve(1011)
    for step in range(1, 1012):
        curve.add(step, values(1.0))
    assert 20 <= len(curve.points) <= 22


@pytest.mark.parametrize(
    ("name", "value"), [("loss", float("nan")), ("loss", float("inf")), ("grad_norm", float("nan"))]
)
def test_a_value_that_is_no_number_diverges_at_once(name: str, value: float) -> None:
    curve = Curve(1000)
    curve.add(1, values(2.0))
    with pytest.raises(TrainingDiverged, match=f"{name} was {value} at step 2"):
        curve.add(2, {**values(2.0), name: value})


def test_a_window_above_three_times_the_first_plus_five_diverges() -> None:
    curve = Curve(20)
    curve.add(1, values(2.0))
    curve.add(2, values(11.0))
    with pytest.raises(TrainingDiverged, match=r"from 2 to 11\.1 at step 3"):
        curve.add(3, values(11.1))


def test_a_single_spike_inside_a_window_is_no_divergence() -> None:
    curve = Curve(200)
    for step in range(1, 21):
        curve.add(step, values(50.0 if step == 15 else 1.0))
    assert len(curve.points) == 2


def test_the_log_tells_how_far_a_stopped_training_came(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, 861, 1273, {"category": {"a": 1273}})
    for step in range(1, 151):
        log.add(step, step * 0.5, values(2.0, reward_margin=0.1))
    log.close()
    with (tmp_path / "training_log.jsonl").open("a") as file:
        file.write('{"step": 151, "sec')
    summary = read_summary(tmp_path)
    assert summary is not None
    assert summary.completion == pytest.approx(150 / 861)
    assert (summary.rows, summary.seconds_per_step, summary.final_loss) == (1273, 0.5, 2.0)


def test_a_loss_that_is_no_number_is_logged_as_json_and_ends_the_curve(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, 10, 40, {})
    log.add(1, 0.1, values(2.0))
    log.add(2, 0.2, values(float("nan")))
    log.close()
    assert json.loads((tmp_path / "training_log.jsonl").read_text().splitlines()[2])["loss"] == "nan"
    summary = read_summary(tmp_path)
    assert summary is not None
    assert (summary.steps_done, len(summary.curve)) == (2, 1)


def test_a_training_that_never_began_has_no_summary(tmp_path: Path) -> None:
    assert read_summary(tmp_path) is None
