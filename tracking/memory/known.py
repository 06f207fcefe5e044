"""What a night knows of earlier nights: the one value that is written into its ledger and used from there.

A resumed night reads this again and never the other nights, so that it goes on with what it started with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from probes.candidate import LaneName
from probes.frozen import Frozen
from probes.statistics.earlier import BaselineLevel, ClaimLevel, LanePrior, Movement
from probes.statistics.effects import EffectPrior
from probes.statistics.verdicts import EarlierNoise
from tracking.memory.moves import EarlierMove

Use = Literal["noise", "baseline", "priors", "claims", "moves"]


class EarlierNight(Frozen):
    """One session folder beside tonight's, and what was taken from it."""

    session: str
    started: str = ""
    """ISO 8601, UTC; empty when its ledger cannot be read."""
    used: tuple[Use, ...] = ()
    reason: str = ""
    """Why something of it was left out; empty when everything was used."""


class EarlierNights(Frozen):
    """Everything tonight takes over from earlier nights of its project."""

    project: str
    """Digest of base model and items: nights with an equal one, in one results folder, are one project."""
    conditions: str
    """Digest of all that must be equal for probes to be compared."""
    nights: tuple[EarlierNight, ...] = ()
    """The sessions found beside this one, oldest first."""
    noise: EarlierNoise | None = None
    """How far replicates of one recipe differ on the search items."""
    fit_noise: EarlierNoise | None = None
    """What additive effects left over there: the replicates' noise, and effects that do not add up."""
    confirm_noise: EarlierNoise | None = None
    """How far replicates of one recipe differ on the held-out items."""
    baselines: tuple[BaselineLevel, ...] = ()
    """Nights with tonight's baseline recipe, data and conditions: checked against, never carried over."""
    priors: tuple[LanePrior, ...] = ()
    moves: tuple[EarlierMove, ...] = ()
    """Moves that nights on the same data measured, oldest first."""
    movements: tuple[Movement, ...] = ()
    """What the changes of each lane did to each category in those nights."""
    claim: ClaimLevel
    unconfirmed_in_a_row: int = 0
    """Latest finished nights of the project, one after the other, that confirmed nothing."""
    series: int = 0
    """Which series of seeds tonight draws from: one that no earlier night with this session seed has used."""

    def known_harm(self, metrics: Sequence[str]) -> list[EarlierMove]:
        """Return the moves that ruined a training or harmed one of `metrics`, and that no night saw raise its target.

        Args:
            metrics: Tonight's target and guards.
        """
        raised = {move.change.key for move in self.moves if move.outcome == "raised"}
        return [move for move in self.moves if move.harms(metrics) and move.change.key not in raised]

    def priors_for(self, target: str, tail_df: float) -> Mapping[LaneName, EffectPrior]:
        """Return lane → prior for one target."""
        return {p.lane: EffectPrior(p.mean, p.sd, tail_df) for p in self.priors if p.target == target}
