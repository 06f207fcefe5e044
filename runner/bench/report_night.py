"""The nights of `make bench-report`: whole ledgers written without a training, a referee or a proposer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from probes.candidate import Candidate, Change
from probes.outcome import ItemScores, ProbeOutcome, ProbeStatus, TrainingSummary
from probes.recipe import Recipe
from probes.statistics.verdicts import CandidateReading, Claim, Decision, GuardReading, GuardTest, Interval, Noise
from runner.bench.loop_night import CATEGORIES, LEVEL, NOISE_SD
from runner.bench.simulated import SteppingClock, request_of
from tracking import events as ev
from tracking.ledger import Ledger

TARGET = "private_voice"
GUARDS = tuple(name for name in CATEGORIES if name != TARGET)
ITEMS, SAMPLES = 8, 3
REPLICATES = 4
CALIBRATION, CONFIRMATION = 6, 16
KNOBS = 60
BASELINE = Recipe(base_model="m", steps=300, learning_rate=1e-4)


def write_night(path: Path, probes: int) -> None:
    """Write the ledger of a finished night of so many probes."""
    with Ledger(path) as ledger:
        _Writer(ledger).night(probes)


class _Writer:
    """Appends the events of one night."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._clock, self._rng, self._number = ledger, SteppingClock(), np.random.default_rng(0), 0

    def night(self, probes: int) -> None:
        """Append all of it."""
        at = self._clock.now
        space = {"hyperparameters": {f"k{knob:02d}": "0.05 to 20, log scale" for knob in range(KNOBS)}}
        self._ledger.append(
            ev.SessionStarted(
                at=at(), session="report", config={"name": "report"}, config_digest="", baseline=BASELINE,
                provenance={}, space=space,
            )
        )  # fmt: skip
        for replicate in range(CALIBRATION):
            self._probe("calibrate", "baseline", replicate)
        sds = dict.fromkeys(CATEGORIES, NOISE_SD)
        noise = Noise(
            runs=CALIBRATION, degrees_of_freedom=CALIBRATION - 1, target_sd=NOISE_SD, category_sd={**sds},
            target_interval=Interval(low=0.3, high=0.9),
        )  # fmt: skip
        self._ledger.append(ev.NoiseEstimated(at=at(), noise=noise))
        accepted: tuple[str, ...] = ()
        for index in range((probes - CALIBRATION - CONFIRMATION) // REPLICATES):
            accepted = self._candidate(index, accepted)
        while self._number < probes - CONFIRMATION:
            self._probe("search", "baseline", self._number)
        self._ledger.append(ev.SearchEnded(at=at(), reason="the budget is spent"))
        for replicate in range(CONFIRMATION // 2):
            self._probe("confirm", "baseline", replicate)
            self._probe("confirm", "final", replicate, changes=accepted)
        self._ledger.append(ev.ClaimMade(at=at(), claim=_claim()))
        self._ledger.append(ev.SessionStopped(at=at(), stop_reason="finished"))

    def _candidate(self, index: int, accepted: tuple[str, ...]) -> tuple[str, ...]:
        name, value = f"c{index + 1:02d}", 0.05 * (1 + index // KNOBS)
        effect = float(self._rng.normal(-0.1, 0.3))
        candidate = Candidate(
            id=name,
            change=Change(lane="hyperparameters", knob=f"k{index % KNOBS:02d}", before=1.0, after=value),
            parent=BASELINE.fingerprint,
            recipe=BASELINE,
            proposer="made up",
            rationale="One sentence of a proposer about what it expects.",
        )
        self._ledger.append(ev.CandidateProposed(at=self._clock.now(), candidate=candidate))
        for replicate in range(REPLICATES):
            self._probe("search", "candidate", replicate, name, (*accepted, name), effect)
        decision: Decision = "accept" if effect > 0.6 and len(accepted) < 12 else "reject" if effect < 0 else "park"
        reading = self._reading(effect, decision)
        self._ledger.append(ev.CandidateDecided(at=self._clock.now(), candidate=name, reading=reading))
        if decision == "accept":
            accepted = (*accepted, name)
            self._ledger.append(ev.WorkingRecipeMoved(at=self._clock.now(), accepted=accepted, recipe=BASELINE))
        return accepted

    def _reading(self, effect: float, decision: Decision) -> CandidateReading:
        guards = {
            name: GuardReading(
                state="harmful" if moved < -0.8 else "safe", effect=moved, margin=1.0, harm_probability=0.1,
                interval=Interval(low=moved - 0.5, high=moved + 0.5),
            )
            for name, moved in zip(GUARDS, self._rng.normal(0.0, 0.4, len(GUARDS)).tolist(), strict=True)
        }  # fmt: skip
        return CandidateReading(
            decision=decision, verdict="inconclusive", replicates=REPLICATES, effect=effect,
            interval=Interval(low=effect - 0.5, high=effect + 0.5), better_probability=0.5, worthwhile_probability=0.3,
            guards=guards, reason="made up",
        )  # fmt: skip

    def _probe(
        self,
        phase: ev.Phase,
        arm: ev.Arm,
        replicate: int,
        candidate: str | None = None,
        changes: tuple[str, ...] = (),
        effect: float = 0.0,
    ) -> None:
        self._number += 1
        request = request_of(BASELINE, self._number, "held_out" if phase == "confirm" else "search")
        plan = ev.ProbePlan(
            number=self._number, phase=phase, arm=arm, candidate=candidate, changes=changes, replicate=replicate,
            request=request,
        )  # fmt: skip
        self._ledger.append(ev.ProbeStarted(at=self._clock.now(), plan=plan, key=request.key))
        outcome = ProbeOutcome(
            key=request.key,
            status=ProbeStatus.COMPLETED,
            items=self._items(effect),
            training=TrainingSummary(
                steps_done=300, steps_planned=300, final_loss=1.0, seconds=60.0, seconds_per_step=0.2,
                peak_memory_gib=10.0, rows=1000, composition={"category": dict.fromkeys(CATEGORIES, 160)},
            ),
            evaluation_seconds=20.0,
            seconds=90.0,
        )  # fmt: skip
        self._ledger.append(ev.ProbeFinished(at=self._clock.now(), plan=plan, outcome=outcome))

    def _items(self, effect: float) -> tuple[ItemScores, ...]:
        found: list[ItemScores] = []
        for name in CATEGORIES:
            level = LEVEL + (effect if name == TARGET else 0.0) + float(self._rng.normal(0.0, NOISE_SD))
            drawn = np.clip(self._rng.normal(level, 1.0, (ITEMS, SAMPLES)), 0.0, 10.0).round(2)
            found += [
                ItemScores(item=f"{name}-{item}", category=name, difficulty="easy", scores=tuple(scores))
                for item, scores in enumerate(drawn.tolist())
            ]
        return tuple(found)


def _claim() -> Claim:
    guard = GuardTest(effect=0.0, interval=Interval(low=-0.4, high=0.4), margin=1.0, p_value=0.001, passed=True)
    return Claim(
        confirmed=True, effect=1.0, interval=Interval(low=0.5, high=1.5), p_value=0.001, level=0.05,
        runs_per_arm=CONFIRMATION // 2, guards=dict.fromkeys(GUARDS, guard), reason="superior",
    )  # fmt: skip
