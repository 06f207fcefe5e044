import random
from math import sqrt

import pytest

from probes.evaluation.judging.noise import RepeatReport, repeat_noise
from probes.evaluation.judging.usage import Judgement


def judgement(overall: float | None, **changes: object) -> Judgement:
    components = {} if overall is None else {"voice": overall}
    values = {"item": "i", "sample": 0, "rubric": "r", "model": "m", "overall": overall, "components": components}
    return Judgement.model_validate({**values, "unscored": None if overall is not None else "no reply", **changes})


def groups(*scores: tuple[float | None, ...]) -> RepeatReport:
    return repeat_noise([[judgement(score) for score in row] for row in scores])


def test_the_sd_is_pooled_within_answers() -> None:
    overall = groups((4.0, 6.0), (9.0, 9.0), (1.0, 2.0, 3.0)).metrics[0]
    assert overall.sd == pytest.approx(sqrt((2.0 + 0.0 + 2.0) / 4))
    assert (overall.df, overall.answers, overall.widest) == (4, 3, 2.0)
    assert overall.agreed == pytest.approx(1 / 3)
    assert overall.sd_of_mean(4) == pytest.approx(0.5)


def test_the_level_of_an_answer_does_not_matter_only_what_repeats_disagree_on() -> None:
    assert groups((1.0, 2.0), (1.0, 2.0)).metrics[0].sd == groups((1.0, 2.0), (8.0, 9.0)).metrics[0].sd


def test_unscored_judgements_are_counted_and_left_out() -> None:
    report = groups((4.0, None, 6.0), (None, 5.0))
    assert (report.unscored, report.repeats, report.answers) == (2, 3, 2)
    assert report.metrics[0].answers == 1


def test_too_few_or_equal_scores_give_no_interval() -> None:
    for report in (groups((4.0,), (5.0,)), groups((4.0, 4.0), (5.0, 5.0)), repeat_noise([])):
        assert report.metrics[0].interval.low is None
    assert groups((4.0,)).metrics[0].sd is None
    assert groups((4.0, 4.0)).metrics[0].sd == 0.0


def test_agreement_on_critical_failures_is_about_names_not_order() -> None:
    one = [judgement(5.0, critical_failures=names) for names in (("a", "b"), ("b", "a"))]
    other = [judgement(5.0, critical_failures=names) for names in (("a",), ())]
    assert repeat_noise([one, other]).critical_agreed == 0.5


def test_the_interval_covers_the_true_noise_as_often_as_it_says() -> None:
    draw = random.Random(1)
    covered = 0
    for _ in range(400):
        rows = [tuple(draw.gauss(level, 0.7) for _ in range(3)) for level in (3.0, 5.0, 8.0, 6.0)]
        interval = groups(*rows).metrics[0].interval
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.7 <= interval.high
    assert 0.86 <= covered / 400 <= 0.94
