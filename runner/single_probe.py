"""One probe on its own: what `nightlab probe` runs. Nothing is looked up or kept; it really trains and measures."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from probes.errors import NightlabError
from probes.outcome import ProbeOutcome
from probes.request import ProbeRequest, Split
from runner.config import LauncherConfig, SessionConfig
from runner.folder import SessionFolder
from runner.interrupts import StopRequest, catching_signals
from runner.planning import RequestMaker
from runner.serving.open import keyed, serving
from runner.serving.plan import check_serving
from runner.surroundings import Surroundings, gather_inputs
from tracking.events import ProbePlan


class SingleProbe(NamedTuple):
    """A probe that ended, in whatever status."""

    request: ProbeRequest
    outcome: ProbeOutcome

    @property
    def overall(self) -> float | None:
        """The mean of the categories by the session's weights."""
        return self.outcome.overall(self.request.weights)


def run_probe(
    config: SessionConfig, seed: int, split: Split, out: Path | None, around: Surroundings
) -> SingleProbe | None:
    """Run the session's baseline with `seed`; keep its files only in `out`. None when it was interrupted.

    Raises:
        NightlabError: the input cannot be used or no worker can start.
    """
    with ExitStack() as stack:
        if out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightlab-probe-")))
        folder = SessionFolder(out)
        stop = StopRequest(around.say)
        around = keyed(config, around)
        one = config.model_copy(update={"launcher": LauncherConfig(workers=1)})
        launcher = stack.enter_context(around.open_launcher(one, folder.logs, stop))
        inputs = gather_inputs(config, folder.suite, around)
        serving_plan = check_serving(config, around.environ)
        request = RequestMaker(config, inputs, folder, serving_plan)(config.recipe, seed, split)
        stack.enter_context(serving(config, serving_plan, Path(inputs.base_model.path), folder.logs, around, stop))
        plan = ProbePlan(number=1, phase="calibrate", arm="baseline", replicate=0, request=request)
        outcomes: list[ProbeOutcome] = []
        with around.console.status("training and measuring one probe"), catching_signals(stop):
            launcher.run([plan], _ignore, lambda _, outcome: outcomes.append(outcome))
        if not outcomes and not stop.is_stopping:
            raise NightlabError("the probe was given up without a result; see the worker's log")
        return SingleProbe(request, outcomes[0]) if outcomes else None


def probe_json(probe: SingleProbe) -> dict[str, Any]:
    """Return a probe for machines: its scores are a function of the session, the settings and the seed."""
    outcome = probe.outcome
    training = outcome.training
    return {
        "key": outcome.key,
        "seed": probe.request.seed,
        "status": outcome.status,
        "message": outcome.message,
        "scores": outcome.category_means(),
        "overall": probe.overall,
        "weights": probe.request.weights,
        "success_rate": outcome.success_rate(),
        "critical_failures": outcome.critical_failures(),
        "items": [json.loads(item.model_dump_json()) for item in outcome.items],
        "final_loss": training.final_loss if training else None,
        "reward_margin": training.reward_margin if training else None,
        "adapter": outcome.adapter.digest if outcome.adapter else None,
        "seconds": outcome.seconds,
    }


def _ignore(plan: ProbePlan) -> None:
    del plan
