"""A recipe: everything needed to train one adapter, and nothing else.

A recipe is frozen; a changed recipe is a new one with another fingerprint. The train seed is not part of it: the
same recipe with another seed is a replicate.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from probes.frozen import Frozen, digest_of

Objective = Literal["orpo", "dpo", "sft"]
Scheduler = Literal["cosine", "linear", "constant", "constant_with_warmup"]
Order = Literal["shuffle", "source_first", "source_last", "easy_first", "hard_first", "interleave"]
Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adamw_torch", "adamw_8bit", "sgd"]


class MixRule(Frozen):
    """Rows that match are repeated or weighted.

    Every matching rule counts: a row appears `(1 + Σ (repeat - 1)) × Π weight` times, sums and products over the rules
    it matches, so that two rules move independently of each other.
    """

    name: str = Field(min_length=1)
    """What the rule is called in the report and in the composition table."""
    tags: dict[str, tuple[str, ...]] = {}
    """Tag name → accepted values; a row matches a tag when its value is among them (case-insensitive)."""
    prompt_words: tuple[str, ...] = ()
    """Words or phrases looked for in the prompt (case-insensitive)."""
    match: Literal["any", "all"] = "any"
    """Whether one condition is enough or every tag and the word list must match."""
    repeat: Annotated[int, Field(ge=1, le=100)] = 1
    """How many times a matching row appears in the mix."""
    weight: Annotated[float, Field(ge=0.0, le=100.0)] = 1.0
    """Factor on top of `repeat`; its fraction is met by a seeded draw of rows, 0 drops the rows."""

    @model_validator(mode="after")
    def _has_condition(self) -> Self:
        if not self.tags and not self.prompt_words:
            raise ValueError(f"mix rule `{self.name}` matches nothing: give it `tags` or `prompt_words`")
        return self


class DataMix(Frozen):
    """An ordered list of rules over the training rows; no rules means every row once."""

    rules: tuple[MixRule, ...] = ()
    """In the order in which they are reported."""
    global_repeat: Annotated[int, Field(ge=1, le=100)] = 1
    """Repeats of the whole mix."""

    @model_validator(mode="after")
    def _names_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError(f"mix rule names must be unique, got {names}")
        return self


class Curriculum(Frozen):
    """The order in which the mixed rows are seen; each order is deterministic from the train seed."""

    order: Order = "shuffle"
    """How rows are ordered before they are batched."""
    sources: tuple[str, ...] = ()
    """Values of the `source` tag that count as sources for `source_first` and `source_last`."""


class Recipe(Frozen):
    """Everything that decides what a training run produces, apart from its seed and its data files."""

    base_model: str = Field(min_length=1)
    """Folder or hub name of the pretrained weights, or `miniature`."""
    chat_template: str = "tokenizer"
    """`tokenizer`: the tokenizer's own; `none`: plain text; otherwise the path of a Jinja file."""
    system_prompt: str | None = None
    """System turn put before every training prompt and every suite prompt."""
    objective: Objective = "orpo"
    """Training objective."""
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 2e-5
    """Peak learning rate."""
    beta: Annotated[float, Field(gt=0.0, le=10.0)] = 0.1
    """Weight of the preference term (ORPO's λ, DPO's β); unused by `sft`."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """LoRA rank."""
    alpha: Annotated[float, Field(gt=0.0, le=4096.0)] = 16.0
    """LoRA scale numerator: the delta is multiplied by alpha / rank."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """LoRA dropout."""
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    """Names of the linear layers that receive an adapter."""
    steps: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Optimizer steps; None: `epochs` decides. Inside a night it equals `[probe] steps`."""
    epochs: Annotated[float, Field(gt=0.0, le=1000.0)] = 3.0
    """Passes over the mix when `steps` is None."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 1
    """Rows per device and micro-step."""
    gradient_accumulation: Annotated[int, Field(ge=1, le=4096)] = 4
    """Micro-steps per optimizer step."""
    max_grad_norm: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    """Gradient clipping norm."""
    max_length: Annotated[int, Field(ge=8, le=1_048_576)] = 2048
    """Tokens of prompt plus answer after which a row is cut."""
    scheduler: Scheduler = "cosine"
    """Learning-rate schedule."""
    warmup_ratio: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the steps spent warming up."""
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """AdamW weight decay."""
    precision: Precision = "auto"
    """`auto`: bfloat16 where the device has it, else float32."""
    optimizer: Optimizer = "adamw_torch"
    """Optimizer name as the trainer knows it."""
    mix: DataMix = DataMix()
    """What is trained on."""
    curriculum: Curriculum = Curriculum()
    """In which order."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with any field and with nothing else."""
        return digest_of(self.model_dump(mode="json"))

    def replace(self, **changes: Any) -> Recipe:
        """Return a validated copy with `changes` applied.

        Raises:
            pydantic.ValidationError: a value is out of bounds or a field does not exist.
        """
        return Recipe.model_validate({**self.model_dump(), **changes})


def steps_for(rows: int, recipe: Recipe, held_out_share: float = 0.0) -> int:
    """Return the optimizer steps of a full training over `rows` mixed rows.

    A hold-out of `held_out_share` is taken off first; each pass then has `ceil(rows / effective batch)` steps, as the
    trainers count them. With 10 % held out, 3 epochs and an effective batch of 4, 1,273 rows give 861 steps.
    """
    if recipe.steps is not None:
        return recipe.steps
    used = rows - round(rows * held_out_share)
    steps_per_epoch = math.ceil(used / (recipe.batch_size * recipe.gradient_accumulation))
    return max(1, math.ceil(steps_per_epoch * recipe.epochs))
