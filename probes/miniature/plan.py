"""How large the base model is and how long it is trained; importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelShape:
    """The size of the base model; heads are 32 wide because some serving kernels accept only such."""

    layers: int = 3
    heads: int = 4
    intermediate: int = 384
    """Width of the feed-forward layers."""

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return 32 * self.heads


@dataclass(frozen=True)
class PretrainPlan:
    """How long and how fast the base model is trained."""

    steps: int = 900
    batch_size: int = 48
    """Documents per step."""
    learning_rate: float = 3e-3
    """Peak of a cosine with a linear warm-up."""
    warmup: float = 0.05
    """Share of the steps spent warming up."""
    weight_decay: float = 0.05
    seed: int = 0
    """Draws the first weights and the order of the documents."""


@dataclass(frozen=True)
class BuildPlan:
    """Everything a build can vary; the default is the shipped miniature, tests build smaller ones."""

    shape: ModelShape = field(default_factory=ModelShape)
    pretraining: PretrainPlan = field(default_factory=PretrainPlan)
