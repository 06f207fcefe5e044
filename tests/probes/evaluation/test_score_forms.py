"""Raw and corrected scores stand side by side, are never mixed, and what a run lacks stays missing."""

from __future__ import annotations

import pytest

from probes.errors import ComparabilityError
from probes.evaluation.score_forms import ScoreRow, change, mean_row, overall_row

OLD = ScoreRow(name="v1", raw=8.80, corrected=8.81)
NEW = ScoreRow(name="v2", raw=8.65, corrected=8.82)
PARTIAL = ScoreRow(name="checkpoint 150", raw=6.83, corrected=None)


def test_a_difference_is_taken_within_one_form_and_the_forms_may_disagree() -> None:
    assert change(OLD.score("raw"), NEW.score("raw")) == pytest.approx(-0.15)
    assert change(OLD.score("corrected"), NEW.score("corrected")) == pytest.approx(0.01)


def test_raw_against_corrected_is_refused_by_name_also_where_one_is_missing() -> None:
    refusal = "the raw score of v1 and the corrected score of v2 cannot be compared: .* compare raw with raw"
    with pytest.raises(ComparabilityError, match=refusal):
        change(OLD.score("raw"), NEW.score("corrected"))
    with pytest.raises(ComparabilityError):
        change(PARTIAL.score("raw"), PARTIAL.score("corrected"))


def test_what_is_not_available_stays_so_and_is_never_filled_from_the_other_form() -> None:
    assert PARTIAL.score("corrected").value is None
    assert change(OLD.score("corrected"), PARTIAL.score("corrected")) is None
    mean = mean_row("all", [OLD, NEW, PARTIAL])
    assert mean.raw == pytest.approx((8.80 + 8.65 + 6.83) / 3)
    assert mean.corrected is None
    assert mean_row("none", []) == ScoreRow(name="none", raw=None, corrected=None)


def test_both_forms_are_summed_up_by_the_same_weights() -> None:
    rows = {"a": ScoreRow(name="a", raw=4.0, corrected=6.0), "b": ScoreRow(name="b", raw=8.0, corrected=None)}
    assert overall_row("overall", rows) == ScoreRow(name="overall", raw=6.0, corrected=None)
    assert overall_row("overall", rows, {"a": 1.0, "b": 0.0}).corrected == 6.0
