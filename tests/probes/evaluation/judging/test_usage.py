"""Sums over several probes' judging."""

from probes.evaluation.judging.usage import Judgement, JudgeUsage, tally, together
from probes.language_models.model import Usage


def judgement(model: str = "m", cost: float | None = 0.5, **fields: object) -> Judgement:
    values = {"item": "a", "sample": 0, "rubric": "r", "model": model, "stop_reason": "stop", "strategy": "strict"}
    usage = Usage(input_tokens=10, output_tokens=3, cache_read_tokens=7)
    counts = {"calls": 1, "requests": 2, "usage": usage, "cost_usd": cost}
    return Judgement.model_validate({**values, **counts, **fields})


def test_probes_together_are_what_their_judgements_would_be_in_one() -> None:
    one = [judgement(), judgement("n", strategy="fence", calls=2, requests=2), judgement(unscored="no", strategy=None)]
    two = [judgement(), judgement(stop_reason=None, unscored="no reply", requests=0, strategy=None)]
    assert together([tally(one), tally(two)]) == tally([*one, *two])
    assert together([tally(one)]) == tally(one)


def test_what_one_probe_does_not_know_the_sum_does_not_know_either() -> None:
    found = together([tally([judgement()]), tally([judgement(cost=None, usage=None)])])
    assert (found.cost_usd, found.usage) == (None, None)
    assert (found.answers, found.retries) == (2, 2)


def test_a_warning_is_told_once() -> None:
    same = [tally([judgement()], ["no price"]) for _ in range(3)]
    assert together(same).warnings == ("no price",)
    assert isinstance(same[0], JudgeUsage)
