from pathlib import Path
from typing import Any

import pytest
from fakes_judge import judging

from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.scorer import Scorer


def scorer(*components: dict[str, Any]) -> Scorer:
    return Scorer.model_validate({"components": components})


def test_the_weighted_overall_counts_and_every_part_is_recorded(tmp_path: Path) -> None:
    judged = scorer({"kind": "judge", "weight": 0.5}, {"kind": "opening", "weight": 0.5, "any": ["Dear"]})
    aids = judging({"Dear you": 6}, ("anachronism",), tmp_path / "j.jsonl")
    found = judged.score(Exchange("Dear you", aids=aids))
    assert found.score == pytest.approx(8.0)
    parts = {f"judge/{name}": 0.6 for name in ("voice", "rhetoric", "history", "position", "integrity")}
    assert found.components == pytest.approx({"judge": 0.6, "opening": 1.0, **parts})
    assert found.critical_failures == ("judge/anachronism",)
    assert found.causes == {"judge": "voice 6: It is voice."}


def test_without_a_judge_a_rubric_or_a_reply_the_answer_is_unscored_with_the_cure(tmp_path: Path) -> None:
    plain, named = (
        scorer({"kind": "judge", "weight": 1.0}),
        scorer({"kind": "judge", "weight": 1.0, "rubric": "letters"}),
    )
    aids = judging({}, file=tmp_path / "j.jsonl")
    for found, cure in (
        (plain.score(Exchange("x")), "give the session a `[judge]` section"),
        (named.score(Exchange("x", aids=aids)), "add `[judge.rubrics.letters]`"),
        (plain.score(Exchange("x", aids=aids)), "does not know this answer"),
    ):
        assert found.score is None
        assert cure in str(found.unscored)


def test_an_item_may_bring_its_own_rubric(tmp_path: Path) -> None:
    part = {"name": "voice", "weight": 1.0, "description": "It speaks plainly."}
    own = scorer({"kind": "judge", "weight": 1.0, "name": "plain", "rubric": {"components": [part]}})
    found = own.score(Exchange("x", aids=judging({"x": 9}, ("anachronism",), tmp_path / "j.jsonl")))
    assert found.components == {"plain": 0.9, "plain/voice": 0.9}
    assert found.critical_failures == ()  # this rubric asks for none
