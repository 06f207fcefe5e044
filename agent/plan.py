"""What the agent is told about its night: names, limits and levels, all values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.candidate import LaneName
from probes.frozen import digest_of
from probes.recipe import Recipe
from probes.statistics.config import RefereeConfig
from probes.statistics.effects import EffectPrior
from probes.statistics.verdicts import EarlierNoise


@dataclass(frozen=True)
class NightPlan:
    """The night as the session file fixed it."""

    session: str
    """Id of the session, unique over the project."""
    seed: int
    """Every seed of the night derives from it."""
    baseline: Recipe
    target: str
    """Category, or `overall`; never `auto`."""
    guards: dict[str, float]
    """Category, or `critical_failures` → non-inferiority margin."""
    referee: RefereeConfig
    budget_probes: int
    confirm_probes: int
    max_attempts: int
    search_items: dict[str, int]
    """Category → items used in the search."""
    held_out_items: dict[str, int]
    """Category → items kept for the confirmation."""
    samples: int
    """Answers per item and probe."""
    weights: Mapping[str, float] | None = None
    """Category → its share of `overall`; None: all count the same."""
    earlier_noise: EarlierNoise | None = None
    """What earlier nights under the same conditions measured; None: this is the first."""
    earlier_fit_noise: EarlierNoise | None = None
    """What additive effects left over in their search: the same, and effects that do not add up."""
    earlier_confirm_noise: EarlierNoise | None = None
    """The same on the held-out items, from earlier confirmations."""
    priors: Mapping[LaneName, EffectPrior] = field(default_factory=dict[LaneName, EffectPrior])
    """Lane → prior of its changes' effects on the target as earlier nights taught it; else the session's."""
    claim_level: float | None = None
    """Level of tonight's claim after the claims of earlier nights; None: `referee.confirm_level`."""
    series: int = 0
    """Series of seeds: a night draws fresh ones where an earlier night had the same session seed."""
    early_stop: float | None = None
    """False-stop rate at which hopeless trainings are given up; None: every probe runs to its end."""
    probes_without_progress: int | None = None
    """Probes of the search in a row without an accepted change after which the night warns; None: never."""
    nights_without_promotion: int | None = None
    """Nights of the project in a row without a confirmed claim from which on the night warns; None: never."""
    side_by_side: int = 4
    """Candidates raced at the same time; not the number of workers, so that a night is the same on any machine."""

    @property
    def level(self) -> float:
        """One-sided level of tonight's claim: the session's, or what the claims of earlier nights leave of it."""
        return self.claim_level if self.claim_level is not None else self.referee.confirm_level

    def search_seed(self, replicate: int) -> int:
        """Return the train seed of a replicate: the same for every recipe, so that probes pair by seed."""
        return self._seed("search", replicate)

    def block_seed(self, block: int, row: int) -> int:
        """Return the train seed of a block's row; every row has its own."""
        return self._seed(f"block-{block}", row)

    def rehearsal_seed(self, replicate: int) -> int:
        """Return the train seed of a rehearsal."""
        return self._seed("rehearsal", replicate)

    def confirm_seed(self, arm: str, replicate: int) -> int:
        """Return a train seed used nowhere else in the night; the two arms share none."""
        return self._seed(f"confirm-{arm}", replicate)

    def ask_seed(self, proposals: int) -> int:
        """Return the seed of the lanes' next question."""
        return self._seed("ask", proposals)

    def _seed(self, purpose: str, index: int) -> int:
        seed = [self.seed, self.series] if self.series else [self.seed]
        return int(digest_of([*seed, purpose, index])[:7], 16)
