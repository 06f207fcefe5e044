"""A probe request: all that can change a probe's outcome, and therefore the probe's identity."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from probes.evaluation.backends.config import BackendName, ServingMode
from probes.frozen import Frozen, digest_of
from probes.outcome import GenerationConfig
from probes.recipe import Recipe
from probes.statistics.early_stop import StopRule

REQUEST_NAME = "request.json"
Split = Literal["search", "held_out"]
Control = Literal["base", "broken", "repeat"]
"""What a probe checks the instrument with: the base without training, a training broken on purpose, or a second
measurement of the same recipe and seed."""


Purpose = Literal["smoke"] | Control
"""What a probe is for that is no measurement of its recipe at full length."""


_CHANGES_NOTHING = {"folder", "deadline_s", "stop_rule", "weights", "server", "backend"}
"""Fields of a request that change no answer; which backend answers is told by its version in `versions`."""


class FileRef(Frozen):
    """A file and the digest of what it held when the session started; of a suite, the digest of its items."""

    path: str
    digest: str


class ServerRef(Frozen):
    """A server that answers; where it runs changes no answer."""

    base_url: str
    model: str
    """The base model's name there."""
    parses_tool_calls: bool = False
    """Items with tools go to the server's own parser of calls."""
    startup_s: float = 300.0
    """How long to wait for it, for instance while it is started again."""


class ProbeRequest(Frozen):
    """One short training plus its evaluation.

    Its identity is everything but `_CHANGES_NOTHING`.
    """

    recipe: Recipe
    """`steps` is set."""
    seed: int = Field(ge=0)
    """Train seed; adapter initialisation, data order and sampling derive from it."""
    split: Split
    """Which items are scored."""
    base_model: FileRef
    """Resolved folder or hub name, and its digest."""
    train: tuple[FileRef, ...]
    suite: FileRef
    """The items of `split`."""
    samples: int = Field(ge=1, le=64)
    """K answers per item."""
    generation: GenerationConfig
    control: Control | None = None
    """None: a probe of `recipe`."""
    backend: BackendName = "transformers"
    """Who answers. In the key by its version: `versions` has `vllm` where vLLM answers."""
    serving_mode: ServingMode = "adapter_on_base"
    server: ServerRef | None = None
    """The server of a backend that has one."""
    versions: dict[str, str]
    """Library → version, for those that can change a score."""
    folder: str
    """Where the probe writes its files."""
    deadline_s: float = Field(gt=0)
    weights: dict[str, float] | None = None
    """Category → its share of `overall`; None: all count the same. How scores are summed up is no part of the
    measurement, so no part of its key either; but two overalls formed differently are not compared."""
    stop_rule: StopRule | None = None
    """When the training is given up as hopeless. A probe that completes is the same with and without it; one that was
    stopped is no measurement, and only completed probes are ever looked up by key."""

    @property
    def key(self) -> str:
        """16 hex digits: equal keys are the same measurement."""
        identity = self.model_dump(mode="json", exclude=_CHANGES_NOTHING)
        for ref in (identity["base_model"], identity["suite"], *identity["train"]):
            ref.pop("path")
        identity["recipe"].pop("base_model")
        return digest_of(identity)
