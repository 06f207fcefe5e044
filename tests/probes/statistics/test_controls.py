import pytest

from probes.statistics.controls import ControlReading, read_controls

SDS = {"private_voice": 0.5, "overall": 0.2}


def reading(**scores: float | None) -> ControlReading:
    given = {name: {"private_voice": score, "overall": score} for name, score in scores.items() if score is not None}
    return read_controls(SDS, given)[0]


@pytest.mark.parametrize(("broken", "seen"), [(0.0, True), (2.8, True), (2.9, False), (5.0, False), (8.0, False)])
def test_a_broken_model_is_seen_three_standard_errors_below_the_baseline(broken: float, seen: bool) -> None:
    # 3 · √2 · .5 = 2.12 below 5.
    assert reading(baseline=5.0, broken=broken).sees_harm is seen


@pytest.mark.parametrize(("repeat", "same"), [(5.0, True), (7.1, True), (7.2, False), (2.9, True), (2.8, False)])
def test_a_repeat_may_lie_three_standard_errors_off_on_either_side(repeat: float, same: bool) -> None:
    # 3 · √2 · .5 = 2.12 around 5.
    assert reading(baseline=5.0, repeat=repeat).repeats is same


def test_what_was_not_measured_is_unknown_and_neither_good_nor_bad() -> None:
    assert reading(baseline=5.0).sees_harm is None
    assert reading(broken=0.0, repeat=5.0).sees_harm is None
    assert reading(broken=0.0, repeat=5.0).repeats is None


def test_every_metric_is_held_against_its_own_noise() -> None:
    scores = {"baseline": {"private_voice": 5.0, "overall": 5.0}, "broken": {"private_voice": 4.0, "overall": 4.0}}
    assert [one.sees_harm for one in read_controls(SDS, scores)] == [False, True]


def test_a_unit_of_measurement_changes_no_answer() -> None:
    for broken in (1.0, 2.5, 3.0, 4.5):
        one = reading(baseline=5.0, broken=broken, repeat=broken)
        scaled = read_controls(
            {"m": 5.0},
            {name: {"m": 10 * score} for name, score in (("baseline", 5.0), ("broken", broken), ("repeat", broken))},
        )[0]
        assert (one.sees_harm, one.repeats) == (scaled.sees_harm, scaled.repeats)
