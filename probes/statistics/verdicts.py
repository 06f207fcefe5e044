"""The values statistics return: noise, power, a candidate's reading, a claim. Frozen, JSON-ready, no code."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.frozen import Frozen

Decision = Literal["accept", "reject", "more", "park"]
GuardState = Literal["safe", "harmful", "unresolved"]
Verdict = Literal["superior", "non-inferior", "inferior", "inconclusive"]


class Interval(Frozen):
    """A two-sided interval at `level`; None bounds mean that the data were too few."""

    low: float | None
    high: float | None
    level: float = 0.9


class Component(Frozen):
    """One source of noise, as a standard deviation in points."""

    sd: float | None
    """None: these runs cannot tell it."""
    interval: Interval
    """90 % interval of `sd`."""
    degrees_of_freedom: float
    """Of the mean square it comes from."""
    is_clipped: bool = False
    """Its moment was negative and is set to 0: smaller than these runs can show, not proved absent."""


class NoiseComponents(Frozen):
    """The sources of a score's noise: a run's answer is its item's mean plus one draw of each."""

    run: Component
    """What the train seed does to all categories alike; with a single category it holds `run_category` too."""
    run_category: Component
    """What it does to one category beyond that."""
    run_item: Component
    """What it does to one item beyond that."""
    sampling: Component
    """One answer around its item's mean within one run."""
    samples: float | None
    """Answers per item and run behind these, harmonic mean."""


class NoiseAdvice(Frozen):
    """How the same money would measure more."""

    samples: int
    """Answers per item now."""
    cost_ratio: float | None
    """Seconds of training per second of evaluation of one answer to every item."""
    best_samples: float | None
    """Answers per item that measure the target best for the money; None: not known, or no number is too many."""
    time_saved: float | None
    """Share of the time that `best_samples` would save at equal precision."""
    better_buy: Literal["replicates", "samples"] | None
    """What the next second is better spent on; None: about equal, or not known."""
    pairing_saves: float | None
    """Share of the probes of a comparison that equal train seeds save: their correlation, at least 0."""
    sentence: str
    """All of this in words."""


class CompanionUse(Frozen):
    """What the cheap signals beside the scores did for the fit of one metric."""

    name: str | None = None
    """The companion used; None: none was worth it."""
    correlation: float | None = None
    """Of its noise with the metric's, as measured."""
    interval: Interval = Interval(low=None, high=None)
    """90 % interval of the correlation."""
    variance_saved: float = 0.0
    """Share of a change's sampling variance that it takes away, mean over changes."""
    left_out: dict[str, str] = {}
    """Companion → why it could not be used."""


class Noise(Frozen):
    """Run-to-run noise of one probe, in points of the 0–10 scale. Standard deviations, None when not estimable."""

    runs: int
    """Probes that entered the estimate."""
    degrees_of_freedom: int
    """Replicates beyond the first of each recipe."""
    target_sd: float | None
    """Run-to-run sd of the target metric."""
    category_sd: dict[str, float | None]
    """Run-to-run sd of each category mean."""
    target_interval: Interval
    """90 % interval of `target_sd` (chi-square)."""
    sampling_sd: float | None = None
    """Sd of one answer around its item's mean within one run."""
    seed_item_sd: float | None = None
    """Sd of an item's mean over runs beyond sampling (train seed and seed × item together)."""
    paired_correlation: float | None = None
    """Correlation of two recipes' target over shared train seeds."""
    critical_failures_sd: float | None = None
    """Run-to-run sd of the number of critical failures."""
    components: NoiseComponents | None = None
    """Where the noise comes from; None when no recipe was run twice with scores per item."""
    advice: NoiseAdvice | None = None
    """What the components say about the next night's replicates and answers."""
    companion: CompanionUse | None = None
    """What cheap signals told of the target's noise in the search's fit; None: no probe measured any."""
    fault: str | None = None
    """Why these replicates measure nothing, such as equal scores from different train seeds; None: they do."""


class EarlierNoise(Frozen):
    """Run-to-run noise that earlier nights measured under the same conditions."""

    nights: int
    degrees_of_freedom: int
    """Replicates beyond the first of each recipe, over all those nights."""
    metric_sd: dict[str, float]
    """Category, or `overall` → pooled within-recipe sd of one probe, in points."""


class CategoryPower(Frozen):
    """What one category can resolve."""

    category: str
    role: Literal["target", "guard", "watched"]
    items_search: int
    items_held_out: int
    margin: float | None
    """Non-inferiority margin of a guard."""
    resolvable: float | None
    """Smallest true difference seen with 80 % power in the confirmation, one-sided at the confirm level."""
    pass_probability: float | None
    """Chance that this guard passes the confirmation when nothing changed."""
    sd_search: float | None = None
    """Run-to-run sd of one probe on the search items."""
    sd_held_out: float | None = None
    """The same on the held-out items."""
    directional: bool = False
    """It decides something on fewer than 7 items on either side: a direction, no ground for a claim."""


class PowerTable(Frozen):
    """Power of the whole night at the assumed or measured noise."""

    noise_source: Literal["assumed", "measured", "earlier night"]
    target_sd: float
    categories: tuple[CategoryPower, ...]
    target_resolvable: float
    guards_pass_probability: float
    """Chance that all guards pass the confirmation when nothing changed."""
    sentence: str
    """The table in one sentence."""
    noise_words: str = ""
    """Where the noise comes from, in one sentence."""


class GuardReading(Frozen):
    """What the replicates say about one guard."""

    state: GuardState
    effect: float | None
    """Posterior mean of the change in the guard, shrunk."""
    interval: Interval
    total: float | None = None
    """The same of all accepted changes and this one together; None when there are no others."""
    harm_probability: float | None
    """P(drop > margin)."""
    margin: float


class CandidateReading(Frozen):
    """The referee's reading of a candidate after its latest replicate."""

    decision: Decision
    verdict: Verdict
    replicates: int
    effect: float | None
    """Posterior mean of the change in the target."""
    interval: Interval
    better_probability: float | None
    """P(effect > 0)."""
    worthwhile_probability: float | None
    """P(effect > the smallest effect of interest)."""
    guards: dict[str, GuardReading]
    reason: str
    """One sentence for the report."""


class GuardTest(Frozen):
    """Non-inferiority test of one guard in the confirmation."""

    effect: float | None
    interval: Interval
    margin: float
    p_value: float | None
    passed: bool


class Claim(Frozen):
    """What the confirmation lets the report say."""

    confirmed: bool
    effect: float | None
    """Final minus baseline on fresh seeds and held-out items; None when nothing was confirmed against."""
    interval: Interval
    p_value: float | None = Field(default=None, ge=0.0, le=1.0)
    """One-sided."""
    level: float
    runs_per_arm: int
    guards: dict[str, GuardTest]
    reason: str
    """One sentence for the top of the report."""
