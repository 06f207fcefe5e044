"""Opens the proposer that a session names."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager

from agent.config import AgentConfig
from agent.proposers.hybrid import HybridProposer
from agent.proposers.language_model import LanguageModelProposer, ModelRules
from agent.proposers.proposer import Proposer
from agent.proposers.space_filling import SpaceFillingProposer
from agent.proposers.statistical import StatisticalProposer
from probes.language_models.model import LanguageModel
from probes.language_models.open import open_model
from tracking.clock import Clock


@contextmanager
def open_proposer(config: AgentConfig, environ: Mapping[str, str], clock: Clock) -> Generator[Proposer]:
    """Yield the session's proposer; a language model's connections end with the context.

    Raises:
        LaunchError: its key is not in `environ`.
    """
    access = config.access
    if access is None:
        statistical = StatisticalProposer(config.picker)
        yield SpaceFillingProposer(statistical) if config.proposer == "space_filling" else statistical
        return
    with closing(open_model(access, environ)) as model:
        yield with_model(config, model, clock)


def with_model(config: AgentConfig, model: LanguageModel, clock: Clock) -> Proposer:
    """Return the session's proposer around a language model."""
    statistical = StatisticalProposer(config.picker)
    rules = ModelRules(
        max_tokens=config.max_tokens,
        digest_tokens=config.digest_tokens,
        max_usd=config.max_usd,
        rest_after=config.rest_after,
        rest_turns=config.rest_turns,
        price=config.price,
        bounded_schema=config.base_url is not None,
    )
    proposer = LanguageModelProposer(model, rules, statistical, clock)
    return HybridProposer(proposer, statistical, config.share) if config.proposer == "hybrid" else proposer
