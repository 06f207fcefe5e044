"""What a probe leaves behind. A failed probe is a result with a status and no scores: never 0, never an exception."""

from __future__ import annotations

from enum import StrEnum
from statistics import fmean
from typing import Any, Literal

from pydantic import Field

from probes.aggregation import Weights, overall_of
from probes.evaluation.judging.usage import JudgeUsage
from probes.frozen import Frozen


class ProbeStatus(StrEnum):
    """How a probe ended."""

    COMPLETED = "completed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    CRASHED = "crashed"
    STOPPED_EARLY = "stopped_early"
    """Its training was hopeless by the rule of its request."""


class SampleScore(Frozen):
    """One sampled answer to one item, as written to `scores.jsonl` in the probe's folder."""

    item: str
    category: str
    sample: int
    """0 … K-1."""
    seed: int
    """Seed the answer was sampled with."""
    score: float | None
    """0 … 10, or None when unscored."""
    unscored: str | None = None
    """Why there is no score."""
    components: dict[str, float] = {}
    """Component name → 0 … 1."""
    critical_failures: tuple[str, ...] = ()
    """Names of critical components that failed."""
    causes: dict[str, str] = {}
    """Component name → why it gave less than 1."""
    answered: bool = True
    """Whether there was an answer at all, text or a tool call; how good it was is the score's affair."""


class ItemScores(Frozen):
    """All samples of one item, as the ledger keeps them."""

    item: str
    category: str
    difficulty: str
    scores: tuple[float | None, ...]
    """One per sample, 0 … 10; None is unscored, never 0."""
    critical_failures: int = 0
    """Samples with at least one critical failure."""
    answered: int | None = None
    """Samples that were answered at all; None: the record is older than the count."""
    cause: str = ""
    """The commonest reason why samples have no score or 0 points; empty when none has."""

    def model_post_init(self, context: Any, /) -> None:
        """Share one set of field names: a long night holds half a million items, and nothing asks which were given."""
        object.__setattr__(self, "__pydantic_fields_set__", _ITEM_FIELDS)

    @property
    def mean(self) -> float | None:
        """Mean over the scored samples, None when there is none."""
        known = [s for s in self.scores if s is not None]
        return fmean(known) if known else None


_ITEM_FIELDS = set(ItemScores.model_fields)


class TrainingPoint(Frozen):
    """One logged step of training."""

    step: int
    loss: float
    learning_rate: float | None = None
    reward_margin: float | None = None
    grad_norm: float | None = None


class TrainingSummary(Frozen):
    """What training cost and whether it ran to its end."""

    steps_done: int
    steps_planned: int
    final_loss: float | None
    reward_margin: float | None = None
    """Mean chosen-minus-rejected reward at the last logged step; None for `sft`."""
    seconds: float
    seconds_per_step: float | None = None
    peak_memory_gib: float | None = None
    rows: int
    """Rows in the achieved mix."""
    composition: dict[str, dict[str, int]] = {}
    """Tag name → value → rows in the achieved mix (missing tag: `(none)`)."""
    curve: tuple[TrainingPoint, ...] = ()

    @property
    def completion(self) -> float:
        """Share of the planned steps that ran, 0 … 1."""
        return self.steps_done / self.steps_planned


class AdapterFacts(Frozen):
    """The load test of a saved adapter."""

    digest: str
    """SHA-256 of adapter_model.safetensors, 16 hex digits."""
    rank: int
    delta_norm: float
    """Frobenius norm over all LoRA deltas B·A; 0 means the adapter does nothing."""
    size_mib: float


class Canary(Frozen):
    """A look at who answers, before a suite is answered; see `probes.evaluation.canary`."""

    model: str
    """The name that was asked for."""
    prompts: int
    differing: int
    """Prompts whose answers with the adapter are not the base's."""
    closest: Literal["adapter", "base", "neither", "unclear"]
    """Whose answers they were; `unclear` when the adapter's effect is smaller than a server's numerics."""
    largest_difference: float
    """Largest difference of a next token's log-probability between adapter and base, as who answers has them."""
    adapter_distance: float | None = None
    """Mean distance of a server's log-probabilities from those of the adapter in this process."""
    base_distance: float | None = None
    """The same from the base in this process."""
    numerics: float | None = None
    """Mean distance of the server's base from the base in this process."""


class GenerationConfig(Frozen):
    """How answers are sampled; part of a measurement's identity."""

    temperature: float = Field(default=1.0, ge=0.0, le=5.0)
    """0 is greedy."""
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    """Nucleus sampling; 1 leaves every token in."""
    top_k: int = Field(default=64, ge=0)
    """0: no limit."""
    max_new_tokens: int = Field(default=1024, ge=1, le=131_072)
    """An answer is cut there."""
    batch_size: int = Field(default=256, ge=1)
    """Prompts per generate call."""


class Measured(Frozen):
    """Who gave a probe's answers, and how they were asked for."""

    base: str
    """Digest of the base model."""
    adapter: str | None
    """Digest of the adapter, None for the base alone."""
    template: str
    """Digest of the chat template that rendered the prompts."""
    generation: GenerationConfig
    backend: str
    backend_version: str
    serving_mode: str
    canary: Canary | None = None
    """How it was seen who answers; None for the base alone in process, where nothing else could."""
    answers: str
    """Digest of all answers, word for word and in order."""
    distinct_answers: int
    """How many of them differ."""


class ProbeOutcome(Frozen):
    """The result of one probe."""

    key: str
    """Key of the request that produced it."""
    status: ProbeStatus
    items: tuple[ItemScores, ...] = ()
    """Empty unless completed."""
    training: TrainingSummary | None = None
    adapter: AdapterFacts | None = None
    measured: Measured | None = None
    """Who answered and how; None when nothing was measured."""
    companions: dict[str, float] = {}
    """Cheap signals measured beside the scores, without sampling noise: `likelihood/<category>` and `margin/<category>`
    of the items' reference answers (see `probes.evaluation.margins`), and `reward_margin`, the training log's mean over
    its last quarter divided by beta."""
    companion_seconds: float | None = None
    """What measuring them took."""
    judge: JudgeUsage | None = None
    """What judging took; None without a judge."""
    evaluation_seconds: float | None = None
    seconds: float = 0.0
    """Wall time from request to outcome."""
    is_mismeasured: bool = False
    """Whether it failed because something else than its own adapter answered."""
    message: str = ""
    """What went wrong, in one line."""
    log_tail: str = ""
    """Last lines of the worker's log when it failed."""

    def category_means(self) -> dict[str, float | None]:
        """Category → mean over its items of the mean over their scored samples; None when nothing was scored."""
        by_category: dict[str, list[float]] = {}
        for item in self.items:
            means = by_category.setdefault(item.category, [])
            if item.mean is not None:
                means.append(item.mean)
        return {c: (fmean(means) if means else None) for c, means in sorted(by_category.items())}

    def overall(self, weights: Weights | None = None) -> float | None:
        """Return the mean of the categories by `weights` (None: all count the same), None when one is unscored."""
        return overall_of(self.category_means(), weights)

    def success_rate(self) -> float | None:
        """Return the share of samples that were answered at all; None when it was not counted or there is none.

        No score: a model may answer everything and get all of it wrong.
        """
        known = [item.answered for item in self.items if item.answered is not None]
        wanted = sum(len(item.scores) for item in self.items)
        return sum(known) / wanted if wanted and len(known) == len(self.items) else None

    def critical_failures(self) -> int:
        """Count the sampled answers with at least one critical failure."""
        return sum(item.critical_failures for item in self.items)
