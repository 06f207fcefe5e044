from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from probes.errors import DataError
from probes.statistics.confirmation import welch
from runner.bench.nights import RUN_SD
from runner.bench.pairs import PAIR_RULES, PairRule, confirmation, moderated
from runner.bench.repeated_runs import null_groups, on_scale, read_groups, real_pairs
from runner.bench.replay import ReplayRow, in_a_sentence, null_row, pair_row

SD = 0.0015


def write_runs(folder: Path, means: dict[str, float], runs: int = 14) -> Path:
    rng = np.random.default_rng(0)
    lines = ["group\trun\tsteps\tval_loss\ttrain_time_ms"]
    for name, mean in means.items():
        lines += [f"{name}\tr{i}\t100\t{rng.normal(mean, SD):.6f}\t1" for i in range(runs)]
    (folder / "repeated_runs.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_groups_are_read_as_scores_where_more_is_better(tmp_path: Path) -> None:
    groups = read_groups(write_runs(tmp_path, {"a": 3.28, "b": 3.27}))
    assert list(groups) == ["a at 100", "b at 100"]
    assert np.mean(groups["b at 100"]) > np.mean(groups["a at 100"])


def test_scores_come_in_units_of_the_other_configurations_noise(tmp_path: Path) -> None:
    groups = read_groups(write_runs(tmp_path, {"a": 3.28, "b": 3.28, "c": 3.28}, runs=400))
    assert np.std(on_scale("a at 100", groups, ("a at 100",))[0]) == pytest.approx(RUN_SD, rel=0.1)


def test_pairs_are_those_that_truly_differ_the_better_one_second(tmp_path: Path) -> None:
    pairs = real_pairs(read_groups(write_runs(tmp_path, {"a": 3.270, "b": 3.280, "c": 3.280})))
    assert len(pairs) == 2
    assert all(np.mean(pair.better) > np.mean(pair.worse) for pair in pairs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group\tsteps\na\t1\n", "has no column 'val_loss'"),
        ("group\tsteps\tval_loss\na\t1\tnan\n", "line 2: `val_loss` must be a finite number, got 'nan'"),
    ],
)
def test_broken_data_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "repeated_runs.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_groups(tmp_path)
    with pytest.raises(DataError, match="is missing; point --data"):
        read_groups(tmp_path / "nowhere")


@pytest.mark.parametrize("name", list(PAIR_RULES))
def test_a_rule_on_pairs_claims_a_plain_difference_and_no_plain_loss(name: str) -> None:
    low, high = [5.0, 5.05, 4.95, 5.02, 4.98, 5.01, 4.99, 5.03], [7.0, 7.05, 6.95, 7.02, 6.98, 7.01, 6.99, 7.03]
    if name == "seed-paired t":
        high = [v + 0.01 * i for i, v in enumerate(high)]
    assert PAIR_RULES[name](low, high)
    assert not PAIR_RULES[name](high, low)


@pytest.mark.parametrize("rule", [confirmation, moderated])
def test_our_tests_keep_their_error_rate(rule: PairRule) -> None:
    rng = np.random.default_rng(0)
    claims = [rule(rng.normal(5, RUN_SD, 4).tolist(), rng.normal(5, RUN_SD, 4).tolist()) for _ in range(3000)]
    assert 0.03 < np.mean(claims) < 0.06


def test_a_peers_keep_is_its_claim_and_ours_is_the_final_tests() -> None:
    groups = [tuple(np.random.default_rng(0).normal(5, RUN_SD, 14).tolist())]
    peer, ours = (null_row(rule, groups, 40, 0) for rule in ("keep-if-better, 1 run", "nightlab, race"))
    assert peer.false_claim is not None
    assert peer.false_claim > 0.8
    assert peer.runs == 21
    assert ours.false_claim == ours.after_test
    assert ours.false_claim is not None
    assert ours.false_claim < 0.2


def test_no_real_pair_leaves_the_power_unknown() -> None:
    groups = [tuple(np.random.default_rng(0).normal(5, RUN_SD, 14).tolist())]
    assert pair_row("keep-if-better, 1 run", groups, [], 8, 5, 0).power is None


def test_the_best_peer_is_the_strongest_that_keeps_its_error_rate() -> None:
    rates = {"nightlab confirmation": (0.04, 0.95), "weak": (0.05, 0.80), "honest": (0.06, 0.94), "bold": (0.14, 0.99)}
    rows = [
        ReplayRow(rule=rule, case="9 pairs", runs=8, sessions=180, false_claim=false, power=power)
        for rule, (false, power) in rates.items()
    ]
    said = in_a_sentence(rows, "nightlab confirmation", 8)
    assert "sees 0.950" in said
    assert "honest, 0.940" in said
    assert "no pair" in in_a_sentence([row.model_copy(update={"power": None}) for row in rows], rows[0].rule, 8)


def test_public_runs_leave_our_claims_at_the_stated_rate() -> None:
    folder = os.environ.get("NIGHTLAB_DATA")
    if folder is None:
        pytest.skip("NIGHTLAB_DATA, the folder with replay/repeated_runs.tsv, is not set")
    groups = read_groups(Path(folder) / "replay")
    nulls = list(null_groups(groups).values())
    assert len(nulls) == 11
    rate = null_row("nightlab, race", nulls, 20, 0).false_claim
    assert rate is not None
    assert rate <= 0.05 + 3 * (0.05 * 0.95 / 220) ** 0.5
    assert all((d := welch(p.better, p.worse)) is not None and d.effect > 0 for p in real_pairs(groups))
