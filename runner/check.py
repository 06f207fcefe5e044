"""The check before a night: is the session valid, and could it conclude? Nothing is trained and nothing is kept."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from agent.plan import NightPlan
from lanes.open import open_lanes
from probes.language_models.config import read_key
from probes.statistics.runs import OVERALL
from runner.alarm import check_alarm
from runner.config import SessionConfig
from runner.earlier import read_earlier, with_earlier
from runner.folder import RESULTS, SessionFolder
from runner.inputs import SessionInputs
from runner.outlook import EarlierProbe, Outlook, earlier_probe, unpaid
from runner.planning import AUTO, Preflight, RequestMaker, check_power, plan_night
from runner.serving.plan import check_serving
from runner.surroundings import Surroundings, gather_inputs
from tracking.memory.known import EarlierNights


class Check(NamedTuple):
    """What the check found."""

    config: SessionConfig
    inputs: SessionInputs
    plan: NightPlan
    preflight: Preflight
    space: dict[str, dict[str, str]]
    """Lane → knob → range in words."""
    warnings: tuple[str, ...]
    earlier: EarlierNights | None = None
    """What the nights in `results` would teach this one."""
    known: EarlierProbe | None = None
    """What a probe took in the latest of those of the same name."""

    def outlook(self, around: Surroundings) -> Outlook:
        """Return what is known of the night before it begins, as its plan shows it."""
        workers = len(around.worker_gpus(self.config))
        return Outlook(self.config, workers, self.preflight.power, tuple(self.space), self.known, around.clock.now())

    def as_json(self) -> dict[str, Any]:
        """Return the check for machines."""
        return {
            "session": self.config.name,
            "valid": not self.preflight.problems,
            "problems": list(self.preflight.problems),
            "warnings": list(self.warnings),
            "power": self.preflight.power.model_dump(mode="json"),
            "space": self.space,
            "digests": self.inputs.digests,
            "earlier_nights": self.earlier.model_dump(mode="json") if self.earlier else None,
        }


def check_session(config: SessionConfig, around: Surroundings, results: Path = RESULTS) -> Check:
    """Check all a night in `results` would check before its first probe.

    Raises:
        NightlabError: the input cannot be used. That the night could not conclude is told in `preflight.problems`.
    """
    if config.agent.access is not None:
        read_key(config.agent.access, around.environ)
    check_alarm(config.alarm, around.environ)
    with tempfile.TemporaryDirectory(prefix="nightlab-check-") as scratch:
        inputs = gather_inputs(config, Path(scratch), around)
        serving = check_serving(config, around.environ)
        make_request = RequestMaker(config, inputs, SessionFolder(Path(scratch)), serving)
        earlier = read_earlier(config, inputs, results / config.name, make_request)
    target = OVERALL if config.target.category == AUTO else config.target.category
    plan = with_earlier(plan_night(config, inputs, config.name, target), earlier)
    lanes = open_lanes(config.lanes, config.recipe, inputs.tags, config.agent.picker)
    preflight, known = check_power(plan, config), earlier_probe(config, results)
    short = unpaid(config, len(around.worker_gpus(config)), known)
    preflight = preflight._replace(problems=(*preflight.problems, *short))
    space = {name: dict(lane.knobs) for name, lane in lanes.items()}
    return Check(config, inputs, plan, preflight, space, (*inputs.warnings, *preflight.warnings), earlier, known)
