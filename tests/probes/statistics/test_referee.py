from __future__ import annotations

from probes.statistics.config import RefereeConfig
from probes.statistics.effects import Posterior
from probes.statistics.referee import GuardEvidence, read_candidate

RULES = RefereeConfig()
SAFE = GuardEvidence(Posterior(0.0, 0.3), Posterior(0.0, 0.3), 1.5)
BROKEN = GuardEvidence(Posterior(-2.5, 0.4), Posterior(-2.5, 0.4), 1.5)
UNCLEAR = GuardEvidence(Posterior(-1.4, 0.6), Posterior(-1.4, 0.6), 1.5)


def test_a_likely_gain_with_safe_guards_is_accepted() -> None:
    reading = read_candidate(Posterior(0.8, 0.3), {"g": SAFE}, 2, RULES)
    assert (reading.decision, reading.verdict) == ("accept", "superior")


def test_a_guard_breach_blocks_a_gain_and_is_named_as_a_trade_off() -> None:
    reading = read_candidate(Posterior(2.0, 0.3), {"g": BROKEN}, 1, RULES)
    assert reading.decision == "reject"
    assert reading.reason == "helps the target but breaks g (−2.50, margin 1.50)"


def test_an_unresolved_guard_buys_another_replicate_then_parks() -> None:
    assert read_candidate(Posterior(2.0, 0.3), {"g": UNCLEAR}, 1, RULES).decision == "more"
    assert read_candidate(Posterior(2.0, 0.3), {"g": UNCLEAR}, RULES.max_replicates, RULES).decision == "park"


def test_a_hopeless_change_is_rejected_after_one_probe() -> None:
    reading = read_candidate(Posterior(-1.0, 0.3), {"g": SAFE}, 1, RULES)
    assert (reading.decision, reading.verdict) == ("reject", "inferior")


def test_an_undecided_change_is_parked_at_the_limit() -> None:
    posterior = Posterior(0.2, 0.3)
    assert read_candidate(posterior, {}, 3, RULES).decision == "more"
    assert read_candidate(posterior, {}, 4, RULES).decision == "park"


def test_a_guard_used_up_by_earlier_changes_is_judged_by_the_sum() -> None:
    used_up = GuardEvidence(Posterior(-0.6, 0.2), Posterior(-2.2, 0.4), 1.5)
    assert read_candidate(Posterior(1.0, 0.2), {"g": used_up}, 2, RULES).guards["g"].state == "harmful"


def test_the_reason_of_a_rejection_is_true_of_its_own_digits() -> None:
    readings = [read_candidate(Posterior(mean / 1000, 0.3), {"g": SAFE}, 1, RULES) for mean in range(-100, 100)]
    told = [reading.reason.partition(" = ")[2].split(",")[0] for reading in readings if reading.decision == "reject"]
    assert len(told) > 20
    assert all(float(chance) < RULES.reject_level for chance in told)
    assert min(map(len, told)) == len("0.24"), "more digits only where they are needed"
    assert max(map(len, told)) > len("0.24")
