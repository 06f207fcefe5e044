"""`summary.json`: the night in one machine-readable page. Its keys are a contract (see DESIGN)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from probes.evaluation.judging.usage import JudgeUsage, together
from probes.outcome import ProbeStatus
from probes.statistics.blocks import Block
from probes.statistics.verdicts import CandidateReading, Claim, Interval
from tracking.invalidation import Invalidation
from tracking.night import NightRecord
from tracking.probe_table import INVALIDATED, constraint_ok, time_split

INTERRUPTED = "interrupted"


def summary(night: NightRecord) -> dict[str, Any]:
    """Return what `summary.json` holds; JSON-ready, None where nothing is known."""
    return {
        "session": night.started.session if night.started else None,
        "stop_reason": night.stopped.stop_reason if night.stopped else None,
        "stop_message": night.stopped.message if night.stopped else None,
        "search_ended": night.search_ended,
        "target": night.target,
        "probes": probe_counts(night),
        "noise": night.noise.model_dump(mode="json") if night.noise else None,
        "designs": [{"design": design.design, "reason": design.reason} for design in night.designs],
        "blocks": [_block(block) for block in night.blocks],
        "decisions": [_decision(night, name) for name in night.candidates],
        "accepted": list(night.accepted),
        "working_recipe": night.working_recipe.model_dump(mode="json") if night.working_recipe else None,
        "claim": claim_summary(night.claim),
        "invalidated": [_invalidation(mark) for mark in night.invalidations],
        "earlier_nights": earlier_summary(night),
        "spend": spend(night),
        "warnings": [{"subject": warning.subject, "message": warning.message} for warning in night.warnings],
        "commit": night.started.provenance.get("commit") if night.started else None,
        "config_digest": night.started.config_digest if night.started else None,
    }


def probe_counts(night: NightRecord) -> dict[str, int]:
    """Return status → number of probes, every status named.

    `interrupted` started and never ended; `invalidated` ended in any status and no longer count.
    """
    counts = Counter(probe.outcome.status for probe in night.probes)
    return {
        "total": len(night.ended) + len(night.open_plans),
        **{status.value: counts[status] for status in ProbeStatus},
        INTERRUPTED: len(night.open_plans),
        INVALIDATED: len(night.marked),
    }


def judge_spend(night: NightRecord) -> JudgeUsage | None:
    """Return what judging took in all probes that left scores, invalidated ones among them; None without a judge."""
    told = [probe.outcome.judge for probe in night.ended if probe.outcome.judge is not None]
    return together(told) if told else None


def spend(night: NightRecord) -> dict[str, float | int | None]:
    """Return what the night cost: probes (smoke runs and invalidated ones among them), their seconds, its wall time.

    `judge_usd` is None without a judge, and where what it took or its price is not known.
    """
    judged = judge_spend(night)
    splits = [time_split(probe) for probe in night.ended]

    def seconds(name: str) -> float:
        return round(sum(split[name] or 0.0 for split in splits), 3)

    return {
        "probes": len(night.ended),
        "smoke_runs": sum(probe.plan.phase == "smoke" for probe in night.ended),
        "invalidated": len(night.marked),
        "train_s": seconds("train_s"),
        "evaluate_s": seconds("evaluate_s"),
        "other_s": seconds("other_s"),
        "probe_s": seconds("seconds"),
        "wall_s": round(night.active_s, 3),
        "judge_usd": judged.cost_usd if judged is not None else None,
    }


def claim_summary(claim: Claim | None) -> dict[str, Any]:
    """Return the claim; a night without one has `confirmed` false and no figures."""
    if claim is None:
        return {"confirmed": False, "effect": None, "interval": None, "p_value": None, "guards": {}, "reason": None}
    return {
        "confirmed": claim.confirmed,
        "effect": claim.effect,
        "interval": _bounds(claim.interval),
        "interval_level": claim.interval.level,
        "p_value": claim.p_value,
        "level": claim.level,
        "runs_per_arm": claim.runs_per_arm,
        "guards": {
            name: {
                "effect": test.effect,
                "interval": _bounds(test.interval),
                "margin": test.margin,
                "p_value": test.p_value,
                "passed": test.passed,
            }
            for name, test in claim.guards.items()
        },
        "reason": claim.reason,
    }


def _invalidation(mark: Invalidation) -> dict[str, Any]:
    return {
        "at": mark.event.at,
        "since": mark.event.since,
        "reason": mark.event.reason,
        "probes": list(mark.numbers),
        "claim_withdrawn": mark.claim is not None,
    }


def earlier_summary(night: NightRecord) -> dict[str, Any] | None:
    """Return what the night took over from earlier ones; None when it was told to know nothing of them."""
    earlier = night.earlier
    if earlier is None:
        return None
    claim = earlier.claim
    return {
        "project": earlier.project,
        "nights": [each.model_dump(mode="json") for each in earlier.nights],
        "noise": earlier.noise.model_dump(mode="json") if earlier.noise else None,
        "priors": [prior.model_dump(mode="json") for prior in earlier.priors],
        "seed_series": earlier.series,
        "claim": {
            "number": claim.number,
            "level": claim.level,
            "session_level": claim.session_level,
            "fdr": claim.fdr,
            "procedure": claim.procedure,
            "tests": len(claim.past),
            "claims": claim.confirmed,
        },
        "drift": night.drift.model_dump(mode="json") if night.drift else None,
    }


def _block(block: Block) -> dict[str, Any]:
    return {
        "block": block.number,
        "factors": list(block.factors),
        "fixed": list(block.fixed),
        "rows": len(block.rows),
        "folded": block.folded,
        "aliasing": block.aliasing,
    }


def _decision(night: NightRecord, name: str) -> dict[str, Any]:
    candidate = night.candidates[name]
    reading = night.reading(name)
    return {
        "candidate": name,
        "lane": candidate.change.lane,
        "knob": candidate.change.knob,
        "from": candidate.change.before,
        "to": candidate.change.after,
        "proposer": candidate.proposer,
        "accepted": name in night.accepted,
        "revisited": name in night.revisits,
        **_read(reading),
    }


def _read(reading: CandidateReading | None) -> dict[str, Any]:
    if reading is None:
        return {
            "replicates": 0, "effect": None, "interval": None, "better_probability": None, "guards": {},
            "constraint_ok": None, "decision": None, "verdict": None, "reason": None,
        }  # fmt: skip
    return {
        "replicates": reading.replicates,
        "effect": reading.effect,
        "interval": _bounds(reading.interval),
        "better_probability": reading.better_probability,
        "guards": {
            name: {
                "state": guard.state,
                "effect": guard.effect,
                "interval": _bounds(guard.interval),
                "harm_probability": guard.harm_probability,
                "margin": guard.margin,
            }
            for name, guard in reading.guards.items()
        },
        "constraint_ok": constraint_ok(reading),
        "decision": reading.decision,
        "verdict": reading.verdict,
        "reason": reading.reason,
    }


def _bounds(interval: Interval) -> list[float | None]:
    return [interval.low, interval.high]
