"""Glue between a session and what earlier nights teach it: reading them once, and putting it into the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.plan import NightPlan
from agent.ports import RequestBuilder
from probes.comparability import conditions, conditions_key
from probes.errors import LedgerError
from runner.config import SessionConfig
from runner.folder import SessionFolder, is_running
from runner.inputs import SessionInputs
from tracking.memory.known import EarlierNights
from tracking.memory.learn import Tonight, learn
from tracking.memory.remembered import recipe_digest, remember
from tracking.memory.siblings import look_around, project_key, write_memory
from tracking.night import NightRecord


def read_earlier(
    config: SessionConfig, inputs: SessionInputs, folder: Path, make_request: RequestBuilder
) -> EarlierNights | None:
    """Return what the finished nights beside `folder` teach tonight; None when the session wants to know nothing.

    Args:
        config: Tonight's session.
        inputs: What it reads.
        folder: Tonight's session folder; it need not exist yet.
        make_request: Builds tonight's requests.
    """
    if not config.referee.earlier_nights:
        return None
    request, held_out = (make_request(config.recipe, config.seed, split) for split in ("search", "held_out"))
    project = project_key(inputs.base_model.digest, [Path(inputs.search.path), Path(inputs.held_out.path)])
    around = look_around(folder, project, config.seed, lambda path: is_running(SessionFolder(path)))
    tonight = Tonight(
        project=project,
        conditions=conditions(request),
        conditions_key=conditions_key(request),
        held_out_conditions=conditions(held_out),
        baseline=recipe_digest(request.recipe),
        train=tuple(ref.digest for ref in request.train),
        target=config.target.category,
        referee=config.referee,
    )
    return learn(tonight, around.finished, around.others, around.running, around.series)


def with_earlier(plan: NightPlan, earlier: EarlierNights | None, noise_dropped: bool = False) -> NightPlan:
    """Return the plan with everything that is known of earlier nights; unchanged when nothing is.

    Args:
        plan: Tonight's plan; its target decides which priors are taken.
        earlier: What the night's ledger says of earlier ones.
        noise_dropped: Whether calibration found that their noise does not agree with tonight's.
    """
    if earlier is None:
        return plan
    return replace(
        plan,
        earlier_noise=None if noise_dropped else earlier.noise,
        earlier_fit_noise=None if noise_dropped else earlier.fit_noise,
        earlier_confirm_noise=None if noise_dropped else earlier.confirm_noise,
        priors=earlier.priors_for(plan.target, plan.referee.prior_tail_df),
        claim_level=earlier.claim.level,
        series=earlier.series,
    )


def leave_memory(folder: SessionFolder, night: NightRecord) -> None:
    """Write what later nights need of a finished one; they build it from the ledger where this fails."""
    if night.stopped is None or night.stopped.stop_reason != "finished" or night.earlier is None:
        return
    try:
        write_memory(folder.path, remember(night, night.earlier.project))
    except LedgerError:
        return
