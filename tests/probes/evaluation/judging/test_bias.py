import json
import os
from pathlib import Path

import pytest

from probes.evaluation.judging.bias import BiasRow, audit_bias, bias_rows
from probes.evaluation.judging.rubric import PERSONA
from probes.evaluation.judging.usage import Judgement
from probes.evaluation.judging.verdict import weighted


def test_the_bias_is_the_judges_overall_minus_the_weighted_one_on_each_side() -> None:
    rows = [BiasRow(7.0, 7.4, True), BiasRow(6.0, 6.2, True), BiasRow(9.0, 9.0, False), BiasRow(8.2, 8.0, False)]
    audit = audit_bias(rows)
    assert audit.with_critical.mean == pytest.approx(-0.3)
    assert audit.without_critical.mean == pytest.approx(0.1)
    assert audit.difference == pytest.approx(-0.4)
    low, high = audit.with_critical.interval.low, audit.with_critical.interval.high
    assert low is not None
    assert high is not None
    assert (low + high) / 2 == pytest.approx(-0.3)
    assert high - low == pytest.approx(2 * 6.3138 * 0.1, rel=1e-4)  # t of .95 at 1 df times the standard error


def test_too_few_verdicts_give_no_interval_and_none_no_mean() -> None:
    audit = audit_bias([BiasRow(7.0, 7.4, True)])
    assert (audit.with_critical.verdicts, audit.without_critical.verdicts) == (1, 0)
    assert audit.with_critical.interval.low is None
    assert (audit.without_critical.mean, audit.difference) == (None, None)


def test_verdicts_without_an_overall_of_their_own_are_left_out_and_counted() -> None:
    base = {"item": "i", "sample": 0, "rubric": "r", "model": "m"}
    lines = [
        {**base, "overall": 6.0, "judge_overall_score": 5.0, "critical_failures": ["x"]},
        {**base, "overall": 6.0},
        {**base, "unscored": "no reply"},
    ]
    rows, no_overall = bias_rows(Judgement.model_validate(line) for line in lines)
    assert (rows, no_overall) == ([BiasRow(5.0, 6.0, True)], 1)


NAMES = {
    "voice": "voice_authenticity",
    "rhetoric": "rhetorical_pattern",
    "history": "historical_accuracy",
    "position": "position_fidelity",
    "integrity": "character_integrity",
}


def test_a_real_judge_lowers_its_overall_when_it_names_a_critical_failure() -> None:
    folder = os.environ.get("NIGHTLAB_DATA")
    if folder is None:
        pytest.skip("NIGHTLAB_DATA is not set: no judged evaluation to audit")
    results = json.loads((Path(folder) / "foundry" / "judged-eval.json").read_text(encoding="utf-8"))["results"]
    whole = [r["scores"] for r in results if "overall_score" in r["scores"]]
    rows: list[BiasRow] = []
    for scores in whole:
        components = {ours: float(scores[theirs]["score"]) for ours, theirs in NAMES.items()}
        rows.append(BiasRow(scores["overall_score"], weighted(components, PERSONA), bool(scores["critical_failures"])))
    audit = audit_bias(rows, len(results) - len(whole))
    assert (audit.with_critical.verdicts, audit.without_critical.verdicts, audit.no_overall) == (7, 26, 3)
    assert audit.with_critical.mean == pytest.approx(-0.157, abs=0.001)
    assert audit.without_critical.mean == pytest.approx(0.029, abs=0.001)
    assert audit.with_critical.interval.high is not None
    assert audit.with_critical.interval.high < 0
    # The three without an overall have lost their critical failures too.
    assert not any("critical_failures" in r["scores"] for r in results if "overall_score" not in r["scores"])
