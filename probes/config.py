"""The session sections that say what is trained and measured: `[model]`, `[data]`, `[suite]`, `[probe]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from probes.evaluation.scorers.scorer import Scorer
from probes.frozen import Frozen
from probes.outcome import GenerationConfig

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class ModelConfig(Frozen):
    """`[model]`."""

    base: str = Field(default="miniature", min_length=1)
    """Local Hugging Face folder, hub name, or `miniature` (built on this machine)."""
    revision: str | None = None
    """Hub revision; only for hub names."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of weights and training; `auto` is bfloat16 where the device has it."""
    chat_template: str = "tokenizer"
    """`tokenizer`, `none`, or the path of a Jinja file."""


class DataConfig(Frozen):
    """`[data]`."""

    train: tuple[str, ...] = ()
    """JSONL files of preference or SFT rows; empty only with the miniature, which brings its own."""


class SuiteConfig(Frozen):
    """`[suite]`."""

    items: tuple[str, ...] = ()
    """JSONL files of evaluation items; empty only with the miniature."""
    held_out: tuple[str, ...] | Share = 0.5
    """Files with the held-out items, or the share of `items` to hold out (stratified, fixed by the session seed)."""
    samples: int = Field(default=3, ge=1, le=64)
    """Answers sampled per item and probe (K)."""
    scorer: Scorer | None = None
    """`[suite.scorer]`: scores the items that bring no `scorer` of their own; an item's own one wins."""
    unisolated_code: bool = False
    """Run code that the model wrote without isolation on a machine that has none (items with `python_tests`): it can
    then read your files and use the network. Where isolation is possible it is used whatever this says."""
    generation: GenerationConfig = GenerationConfig()
    """How answers are sampled."""


class ProbeConfig(Frozen):
    """`[probe]`."""

    steps: int = Field(default=300, ge=1, le=10_000_000)
    """Optimizer steps of every probe: probes are only ever compared at equal steps."""
    deadline_s: float = Field(default=3600.0, gt=0.0)
    """A probe that takes longer is stopped and recorded as `timed_out`."""
    max_attempts: int = Field(default=2, ge=1, le=5)
    """Tries before a crashed or interrupted probe is given up."""
    early_stop: float | None = Field(default=None, gt=0.0, le=0.2)
    """Stop the training of a candidate's first probe when its curve lies outside what earlier probes of the night
    showed that were not hopeless; the value is the chance of stopping one that is not. Nothing is stopped before the
    night's own probes support that rate (28 recipes at .1). None: every probe runs to its end."""
    keep_adapters: bool = False
    """Keep every adapter; otherwise only those of the baseline and of accepted candidates."""
