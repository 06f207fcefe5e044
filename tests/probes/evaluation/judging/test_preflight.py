import pytest

from probes.errors import ConfigError, LaunchError
from probes.evaluation.judging.config import JudgeConfig
from probes.evaluation.judging.preflight import check_judge
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item


def item(**component: object) -> Item:
    scorer = Scorer.model_validate({"components": [{"weight": 1.0, **component}]})
    return Item(id="i1", category="tide", messages=(), scorer=scorer)


RULED, JUDGED, NAMED = item(kind="contractions"), item(kind="judge"), item(kind="judge", rubric="letters")
CONFIG = JudgeConfig(provider="anthropic", model="m")


def test_items_that_need_a_judge_stop_a_session_without_one() -> None:
    with pytest.raises(ConfigError, match=r"`i1`.*no judge; add a `\[judge\]` section"):
        check_judge([RULED, JUDGED], None, {})
    check_judge([RULED], None, {})


def test_a_rubric_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"rubric `letters`.*has `default`; add it"):
        check_judge([NAMED], CONFIG, {"ANTHROPIC_API_KEY": "k"})


def test_a_missing_key_stops_before_anything_is_trained() -> None:
    with pytest.raises(LaunchError, match="ANTHROPIC_API_KEY"):
        check_judge([JUDGED], CONFIG, {})
    check_judge([JUDGED], CONFIG, {"ANTHROPIC_API_KEY": "k"})
    check_judge([RULED], CONFIG, {})
