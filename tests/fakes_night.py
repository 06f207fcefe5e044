"""Synthetic nights: whole event lists made without training anything, for the record's and the report's tests.

Scores come from a seeded generator and known effects, so that a test can say what a table must show.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from probes.candidate import Candidate, Change
from probes.outcome import (
    AdapterFacts,
    GenerationConfig,
    ItemScores,
    ProbeOutcome,
    ProbeStatus,
    TrainingPoint,
    TrainingSummary,
)
from probes.recipe import Recipe
from probes.request import FileRef, ProbeRequest
from probes.statistics.verdicts import (
    CandidateReading,
    CategoryPower,
    Claim,
    GuardReading,
    GuardTest,
    Interval,
    Noise,
    PowerTable,
)
from tracking import events as ev

Story = Literal["claim", "no_claim", "nothing", "guard_fails", "interrupted", "failed", "empty"]

CATEGORIES = {
    "anachronism_trap": (6.9, 0.2),
    "character_consistency": (4.8, 0.4),
    "ground_truth": (5.6, 0.3),
    "position_discrimination": (6.0, 0.3),
    "private_voice": (5.1, 0.7),
    "verified_response": (6.6, 0.5),
}
DIFFICULTIES = ("easy", "medium", "hard")
CHANGES: tuple[tuple[str, str, Any, Any, float, dict[str, float], str], ...] = (
    ("hyperparameters", "learning_rate", 0.005, 0.01, 0.9, {}, "optuna"),
    ("data_mix", "ground_truth", 1, 2, -0.3, {"private_voice": -2.3}, "optuna"),
    ("curriculum", "order", "shuffle", "source_last", -1.9, {"private_voice": -3.8}, "random"),
    ("hyperparameters", "rank", 16, 64, 0.8, {}, "optuna"),
    ("data_mix", "private_voice", 1, 3, 0.5, {"anachronism_trap": -1.9}, "optuna"),
    ("hyperparameters", "beta", 0.1, 0.11, 0.05, {}, "optuna"),
    ("curriculum", "order", "shuffle", "easy_first", 0.0, {}, "random"),
)


@dataclass
class NightWriter:
    """Appends events with a clock that moves on."""

    story: Story = "claim"
    target: str = "private_voice"
    items_per_category: int = 8
    samples: int = 3
    seed: int = 7
    events: list[ev.Event] = field(default_factory=list)
    now: datetime = datetime(2026, 3, 14, 22, 30, tzinfo=UTC)
    probes: int = 0
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def at(self, seconds: float = 0.0) -> str:
        self.now += timedelta(seconds=seconds)
        return self.now.isoformat(timespec="milliseconds")

    def add(self, event: ev.Event) -> None:
        self.events.append(event)

    def start(self) -> None:
        config = {
            "name": "synthetic",
            "seed": self.seed,
            "target": {"category": self.target},
            "budget": {"probes": 60, "hours": 8.0, "confirm_probes": 8},
            "probe": {"steps": 80},
            "suite": {"samples": self.samples},
            **self.config,
        }
        self.add(
            ev.SessionStarted(
                at=self.at(),
                session="synthetic-20260314",
                config=config,
                config_digest="c0ffee00c0ffee00",
                baseline=baseline(),
                provenance={
                    "commit": {"id": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
                    "python": "3.11.7",
                    "platform": "Linux x86_64",
                    "libraries": {"torch": "2.13.0", "trl": "1.16.0"},
                    "hardware": {"cpu": "Example CPU", "cores": 2, "memory_gib": 16.0, "gpus": []},
                    "digests": {"base_model": "aa" * 8, "train": "bb" * 8, "search items": "cc" * 8},
                },
                space={
                    "hyperparameters": {
                        "learning_rate": "0.0005 … 0.05 (log), a step at most × 2",
                        "rank": "4, 8, 16, 32, 64",
                        "beta": "0.05 … 0.5, a step at most ± 0.01",
                        "dropout": "0 … 0.2, a step at most ± 0.1",
                    },
                    "data_mix": {"ground_truth": "repeats 1, 2, 3", "private_voice": "repeats 1, 2, 3"},
                    "curriculum": {"order": "shuffle, source_first, source_last, easy_first, hard_first, interleave"},
                },
            )
        )
        self.add(ev.PowerChecked(at=self.at(1), power=self.power()))

    def power(self) -> PowerTable:
        rows = tuple(
            CategoryPower(
                category=name,
                role="target" if name == self.target else "guard",
                items_search=self.items_per_category,
                items_held_out=self.items_per_category,
                margin=None if name == self.target else 1.5,
                resolvable=0.9 + sd / 2,
                pass_probability=None if name == self.target else 0.95 - sd / 10,
            )
            for name, (_, sd) in CATEGORIES.items()
        )
        return PowerTable(
            noise_source="assumed",
            target_sd=0.7,
            categories=rows,
            target_resolvable=0.94,
            guards_pass_probability=0.81,
            sentence="With 4 runs a side and a run-to-run sd of 0.70, a gain of 0.94 is confirmed with 80% power.",
        )

    def request(self, recipe: Recipe, seed: int, split: Literal["search", "held_out"]) -> ProbeRequest:
        return ProbeRequest(
            recipe=recipe,
            seed=seed,
            split=split,
            base_model=FileRef(path="models/base", digest="aa" * 8),
            train=(FileRef(path="data/train.jsonl", digest="bb" * 8),),
            suite=FileRef(path=f"suite/{split}.jsonl", digest="cc" * 8),
            samples=self.samples,
            generation=GenerationConfig(max_new_tokens=48),
            versions={"torch": "2.13.0"},
            folder=f"probes/p{self.probes:03d}",
            deadline_s=60.0,
        )

    def probe(
        self,
        phase: ev.Phase,
        arm: ev.Arm,
        replicate: int,
        recipe: Recipe | None = None,
        candidate: str | None = None,
        changes: tuple[str, ...] = (),
        shift: dict[str, float] | None = None,
        status: ProbeStatus = ProbeStatus.COMPLETED,
        finish: bool = True,
        message: str = "",
    ) -> ev.ProbePlan:
        self.probes += 1
        split = "held_out" if phase == "confirm" else "search"
        block = ("calibrate", "search", "confirm", "smoke", "control").index(phase)
        seed = 1000 * block + (500 if arm == "final" else 0) + replicate
        request = self.request(recipe or baseline(), seed, split)
        plan = ev.ProbePlan(
            number=self.probes, phase=phase, arm=arm, candidate=candidate, changes=changes, replicate=replicate,
            request=request,
        )  # fmt: skip
        self.add(ev.ProbeStarted(at=self.at(0.2), plan=plan, key=request.key))
        if finish:
            outcome = self.outcome(request.key, shift or {}, status, message)
            self.add(ev.ProbeFinished(at=self.at(outcome.seconds), plan=plan, outcome=outcome))
        return plan

    def outcome(self, key: str, shift: dict[str, float], status: ProbeStatus, message: str) -> ProbeOutcome:
        done = status is ProbeStatus.COMPLETED
        steps = 80 if done else 31
        training = TrainingSummary(
            steps_done=steps,
            steps_planned=80,
            final_loss=1.9 if done else None,
            reward_margin=0.31 if done else None,
            seconds=6.5 + self.random.random(),
            seconds_per_step=0.08,
            peak_memory_gib=0.9,
            rows=600,
            composition={
                "category": {"ground_truth": 220, "private_voice": 180, "(none)": 200},
                "source": {"letters": 350, "(none)": 250},
            },
            curve=tuple(
                TrainingPoint(
                    step=s, loss=3.0 - 1.1 * s / 80, learning_rate=0.005, reward_margin=0.004 * s, grad_norm=1.0
                )
                for s in range(10, steps + 1, 10)
            ),
        )
        return ProbeOutcome(
            key=key,
            status=status,
            items=self.items(shift) if done else (),
            training=training,
            adapter=AdapterFacts(digest=f"{self.probes:016x}", rank=16, delta_norm=3.2, size_mib=0.8) if done else None,
            evaluation_seconds=2.1 if done else None,
            seconds=training.seconds + 3.0,
            message=message,
            log_tail="Traceback …" if not done else "",
        )

    def items(self, shift: dict[str, float]) -> tuple[ItemScores, ...]:
        rows: list[ItemScores] = []
        for name, (level, sd) in CATEGORIES.items():
            run = level + shift.get(name, 0.0) + self.random.gauss(0.0, sd)
            for index in range(self.items_per_category):
                spread = (index - (self.items_per_category - 1) / 2) * 0.4
                scores = tuple(
                    round(min(10.0, max(0.0, run + spread + self.random.gauss(0.0, 0.8))), 2)
                    for _ in range(self.samples)
                )
                rows.append(
                    ItemScores(
                        item=f"{name[:2]}-{index:02d}",
                        category=name,
                        difficulty=DIFFICULTIES[index % 3],
                        scores=scores,
                        critical_failures=int(index == 0 and self.random.random() < 0.3),
                    )
                )
        return tuple(rows)

    def calibrate(self, runs: int = 6) -> None:
        for replicate in range(runs):
            self.probe("calibrate", "baseline", replicate)
        self.add(
            ev.NoiseEstimated(
                at=self.at(0.1),
                noise=Noise(
                    runs=runs,
                    degrees_of_freedom=runs - 1,
                    target_sd=0.68,
                    category_sd={name: sd for name, (_, sd) in CATEGORIES.items()},
                    target_interval=Interval(low=0.46, high=1.41),
                    sampling_sd=0.81,
                    seed_item_sd=0.55,
                    paired_correlation=0.2,
                ),
            )
        )

    def search(self, candidates: int = len(CHANGES), rationale: str = "Raises the step size.") -> dict[str, float]:
        """Race `candidates` changes; returns the summed shift of the accepted ones."""
        recipe, accepted, level = baseline(), [], {}
        for index in range(candidates):
            lane, knob, before, after, effect, side, proposer = CHANGES[index % len(CHANGES)]
            effect = min(effect, {"no_claim": 0.35, "nothing": 0.1}.get(self.story, effect))
            name = f"c{index + 1:02d}"
            changed = changed_recipe(recipe, lane, knob, after)
            self.add(
                ev.CandidateProposed(
                    at=self.at(0.1),
                    candidate=Candidate(
                        id=name,
                        change=Change.model_validate({"lane": lane, "knob": knob, "before": before, "after": after}),
                        parent=recipe.fingerprint,
                        recipe=changed,
                        proposer=proposer,
                        rationale=rationale,
                    ),
                )
            )
            harmful = [guard for guard, drop in side.items() if guard != self.target and drop < -1.5]
            replicates = 4 if 0 <= effect < 0.3 else 2
            for replicate in range(replicates):
                shift = {**level, self.target: level.get(self.target, 0.0) + effect}
                for guard in harmful:
                    shift[guard] = shift.get(guard, 0.0) + side[guard]
                self.probe("search", "candidate", replicate, changed, name, (*accepted, name), shift)
            better = 0.5 + 0.49 * max(-1.0, min(1.0, effect / 0.8))
            decision = "reject" if harmful or effect < 0 else "accept" if effect > 0.3 else "park"
            self.add(
                ev.CandidateDecided(
                    at=self.at(), candidate=name, reading=self.reading(effect, better, decision, harmful, replicates)
                )
            )
            if decision == "accept":
                recipe, level = changed, {**level, self.target: level.get(self.target, 0.0) + effect}
                accepted.append(name)
                self.add(ev.WorkingRecipeMoved(at=self.at(), accepted=tuple(accepted), recipe=recipe))
            if index % 3 == 2:
                self.probe("search", "baseline", index // 3)
        self.add(ev.SearchEnded(at=self.at(), reason="the budget left only the confirmation's probes"))
        self.accepted, self.recipe = tuple(accepted), recipe
        return level

    def reading(
        self, effect: float, better: float, decision: Any, harmful: list[str], replicates: int
    ) -> CandidateReading:
        half = 1.1 / replicates**0.5
        guards = {
            name: GuardReading(
                state="harmful" if name in harmful else "safe",
                effect=-1.9 if name in harmful else -0.05,
                interval=Interval(low=-2.6 if name in harmful else -0.6, high=-1.2 if name in harmful else 0.5),
                harm_probability=0.83 if name in harmful else 0.02,
                margin=1.5,
            )
            for name in CATEGORIES
            if name != self.target
        }
        reason = (
            f"helps the target but breaks {harmful[0]}" if harmful and effect > 0
            else f"P(better) = {better:.2f} after {replicates} replicates"
        )  # fmt: skip
        verdict = "superior" if effect - half > 0 else "inferior" if effect + half < 0 else "inconclusive"
        return CandidateReading(
            decision=decision,
            verdict=verdict,
            replicates=replicates,
            effect=effect,
            interval=Interval(low=effect - half, high=effect + half),
            better_probability=better,
            worthwhile_probability=max(0.0, better - 0.2),
            guards=guards,
            reason=reason,
        )

    def confirm(self, level: dict[str, float], runs: int = 4) -> None:
        for replicate in range(runs):
            self.probe("confirm", "baseline", replicate)
            self.probe("confirm", "final", replicate, self.recipe, changes=self.accepted, shift=level)
        confirmed = self.story == "claim"
        effect = 1.24 if confirmed else 1.31 if self.story == "guard_fails" else 0.12
        failed = {"ground_truth"} if self.story == "guard_fails" else set[str]()
        guards = {
            name: GuardTest(
                effect=-1.1 if name in failed else -0.08,
                interval=Interval(low=-2.2 if name in failed else -0.7, high=0.0 if name in failed else 0.5),
                margin=1.5,
                p_value=0.21 if name in failed else 0.004,
                passed=name not in failed,
            )
            for name in CATEGORIES
            if name != self.target
        }
        self.add(
            ev.ClaimMade(
                at=self.at(),
                claim=Claim(
                    confirmed=confirmed,
                    effect=effect,
                    interval=Interval(low=effect - 0.53, high=effect + 0.53),
                    p_value=0.0021 if effect > 1 else 0.34,
                    level=0.05,
                    runs_per_arm=runs,
                    guards=guards,
                    reason="superior on fresh seeds and held-out items" if confirmed else "not shown",
                ),
            )
        )

    def stop(self, reason: Literal["finished", "interrupted", "failed"] = "finished", message: str = "") -> None:
        self.add(ev.SessionStopped(at=self.at(0.1), stop_reason=reason, message=message))


def nothing_to_claim() -> Claim:
    return Claim(
        confirmed=False, effect=None, interval=Interval(low=None, high=None), level=0.05, runs_per_arm=0, guards={},
        reason="no change was accepted",
    )  # fmt: skip


def baseline() -> Recipe:
    return Recipe(base_model="models/base", learning_rate=0.005, rank=16, steps=80, batch_size=8)


def changed_recipe(recipe: Recipe, lane: str, knob: str, value: Any) -> Recipe:
    if lane == "hyperparameters":
        return recipe.replace(**{knob: value})
    if lane == "curriculum":
        return recipe.replace(curriculum={"order": value})
    rules = [rule.model_dump() for rule in recipe.mix.rules if rule.name != knob]
    return recipe.replace(mix={"rules": [*rules, {"name": knob, "tags": {"category": (knob,)}, "repeat": value}]})


def make_night(story: Story = "claim", candidates: int = len(CHANGES), **options: Any) -> list[ev.Event]:
    """Return the events of a whole night that tells `story`; `options` go to `NightWriter`."""
    night = NightWriter(story=story, **options)
    night.start()
    if story == "empty":
        night.stop("failed", "no worker could start")
        return night.events
    night.calibrate()
    level = night.search(candidates)
    if story == "interrupted":
        night.probe("confirm", "baseline", 0)
        night.probe("confirm", "final", 0, night.recipe, changes=night.accepted, finish=False)
        night.stop("interrupted", "Ctrl-C")
        return night.events
    if story == "failed":
        diverged = "loss became NaN at step 31"
        night.probe(
            "search", "candidate", 5, night.recipe, "c03", ("c03",), status=ProbeStatus.DIVERGED, message=diverged
        )
        night.probe(
            "search", "candidate", 6, night.recipe, "c03", ("c03",), status=ProbeStatus.TIMED_OUT, message="60 s"
        )
        night.add(ev.Warned(at=night.at(), subject="disk", message="less than 1 GiB left"))
        night.stop("failed", "the disk is full")
        return night.events
    if story == "nothing":
        night.add(ev.ClaimMade(at=night.at(), claim=nothing_to_claim()))
    else:
        night.confirm(level)
    night.stop()
    return night.events
