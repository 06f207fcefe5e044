"""A synthetic night in blocks: smoke runs, one block, a race for what is left, a revisit, a rehearsal, a claim.

As `fakes_night`, whose writer it goes on from; effects are known, so that a test can say what a table must show.
"""

from __future__ import annotations

from typing import Any

from fakes_night import CATEGORIES, NightWriter, baseline, changed_recipe

from probes.candidate import Candidate, Change
from probes.outcome import ProbeStatus
from probes.recipe import Recipe
from probes.statistics.blocks import Block, design_block
from probes.statistics.referee import failed_reading
from tracking import events as ev

Move = tuple[str, str, Any, Any, float]
MOVES: tuple[Move, ...] = (
    ("hyperparameters", "learning_rate", 0.005, 0.01, 0.9),
    ("data_mix", "ground_truth", 1, 2, -0.6),
    ("hyperparameters", "rank", 16, 64, 0.7),
    ("curriculum", "order", "shuffle", "interleave", 0.1),
    ("hyperparameters", "alpha", 16.0, 32.0, 0.2),
    ("hyperparameters", "dropout", 0.0, 0.1, -0.2),
    ("data_mix", "private_voice", 1, 3, 0.5),
    ("hyperparameters", "learning_rate", 0.005, 0.02, -4.0),
)
"""The last one collapses in its smoke run and joins no block."""
SMOKE_STEPS = 20
SMOKE_LOSS = 1.8
"""Points that a quarter of the steps is below a whole probe."""
RUINED_ROW = 7
"""Row of the block whose probe diverged."""


class BlockNight(NightWriter):
    """Writes a night in blocks."""

    def propose(self, index: int) -> str:
        lane, knob, before, after, _ = MOVES[index]
        name = f"c{index + 1:02d}"
        change = Change.model_validate({"lane": lane, "knob": knob, "before": before, "after": after})
        recipe = changed_recipe(baseline(), lane, knob, after)
        self.add(
            ev.CandidateProposed(
                at=self.at(0.1),
                candidate=Candidate(
                    id=name, change=change, parent=baseline().fingerprint, recipe=recipe, proposer="optuna"
                ),
            )
        )
        return name

    def smoke(self) -> None:
        """Try the baseline and every candidate for a quarter of the steps."""
        self.probe(
            "smoke", "baseline", 0, baseline().replace(steps=SMOKE_STEPS), shift=dict.fromkeys(CATEGORIES, -SMOKE_LOSS)
        )
        for index, (lane, knob, _, after, effect) in enumerate(MOVES):
            loss = -SMOKE_LOSS + (effect if effect < -1 else 0.2 * effect)
            recipe = changed_recipe(baseline(), lane, knob, after).replace(steps=SMOKE_STEPS)
            name = f"c{index + 1:02d}"
            self.probe("smoke", "candidate", 0, recipe, name, (name,), dict.fromkeys(CATEGORIES, loss))
        ruined = failed_reading("reject", 0, "its smoke run is 4.00 points below the baseline's")
        self.add(ev.CandidateDecided(at=self.at(), candidate="c08", reading=ruined))

    def block(self, number: int, factors: tuple[str, ...], folded: bool = False, finished: int | None = None) -> Block:
        """Plan a block and run its rows, the first `finished` of them."""
        block = design_block(number, factors, seed=self.seed, folded=folded)
        self.add(ev.BlockPlanned(at=self.at(), block=block))
        for row, changes in enumerate(block.rows[:finished]):
            shift = {self.target: sum(MOVES[int(name[1:]) - 1][4] for name in changes)}
            status = ProbeStatus.DIVERGED if row == RUINED_ROW else ProbeStatus.COMPLETED
            message = "loss became NaN at step 31" if row == RUINED_ROW else ""
            self.block_row(block, row, changes, shift, status, message)
        return block

    def block_row(
        self,
        block: Block,
        row: int,
        changes: tuple[str, ...],
        shift: dict[str, float],
        status: ProbeStatus,
        message: str,
    ) -> None:
        started = len(self.events)
        self.probe(
            "search", "block", row, self.mixed(changes), changes=changes, shift=shift, status=status, message=message
        )
        for at, event in enumerate(self.events[started:], start=started):
            if isinstance(event, ev.ProbeStarted | ev.ProbeFinished):
                plan = event.plan.model_copy(update={"block": block.number})
                self.events[at] = event.model_copy(update={"plan": plan})

    def mixed(self, changes: tuple[str, ...]) -> Recipe:
        recipe = baseline()
        for name in changes:
            lane, knob, _, after, _ = MOVES[int(name[1:]) - 1]
            recipe = changed_recipe(recipe, lane, knob, after)
        return recipe

    def decide(self, name: str, effect: float, replicates: int) -> None:
        decision = "accept" if effect > 0.6 else "park" if effect > 0 else "reject"
        better = 0.5 + 0.49 * max(-1.0, min(1.0, effect / 0.8))
        reading = self.reading(effect, better, decision, [], replicates)
        self.add(ev.CandidateDecided(at=self.at(), candidate=name, reading=reading))


def block_night(until: str = "end", **options: Any) -> list[ev.Event]:
    """Return the events of a night in blocks, up to `smoke`, `block` (in the midst of it) or the `end`."""
    night = BlockNight(story="claim", **options)
    night.start()
    night.calibrate()
    reason = "52 probes are left for the search, enough for 2 blocks of 12 with their smoke runs"
    night.add(ev.DesignChosen(at=night.at(), design="blocks", reason=reason))
    names = [night.propose(index) for index in range(len(MOVES))]
    night.smoke()
    if until == "smoke":
        return night.events
    block = night.block(1, tuple(names[:7]), finished=5 if until == "block" else None)
    if until == "block":
        return night.events
    for name, move in zip(names[:7], MOVES, strict=False):
        night.decide(name, move[4], sum(name in row for row in block.rows))
    night.accepted, night.recipe = ("c01", "c03"), night.mixed(("c01", "c03"))
    night.add(ev.WorkingRecipeMoved(at=night.at(), accepted=night.accepted, recipe=night.recipe))
    reason = "14 probes are left for the search, fewer than a block of 12 and its smoke runs need"
    night.add(ev.DesignChosen(at=night.at(), design="race", reason=reason))
    because = "the working recipe moved in learning_rate: learning rate and alpha / rank both scale every update"
    night.add(ev.CandidateRevisited(at=night.at(), candidate="c05", reason=because))
    together = (*night.accepted, "c05")
    level = {night.target: 1.6}
    night.probe("search", "candidate", 0, night.mixed(together), "c05", together, level)
    night.decide("c05", -0.1, 1)
    for replicate in range(3):
        night.probe("search", "final", replicate, night.recipe, changes=night.accepted, shift=level)
    night.add(ev.SearchEnded(at=night.at(), reason="the budget left only the confirmation's probes", confirm_probes=8))
    night.confirm(level)
    night.stop()
    return night.events
