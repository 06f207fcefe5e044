"""What a night is built from before its ledger is opened: the same for the check before it and for the night itself."""

from __future__ import annotations

from typing import NamedTuple

from agent.plan import NightPlan
from lanes.lane import Lane
from lanes.open import open_lanes
from probes.candidate import LaneName
from probes.statistics.runs import OVERALL
from runner.config import SessionConfig
from runner.folder import SessionFolder
from runner.inputs import SessionInputs
from runner.planning import AUTO, RequestMaker, plan_night
from runner.serving.plan import ServingPlan, check_serving
from runner.surroundings import Surroundings, gather_inputs


class Prepared(NamedTuple):
    """What was checked and built."""

    inputs: SessionInputs
    lanes: dict[LaneName, Lane]
    plan: NightPlan
    """Without what earlier nights taught."""
    make_request: RequestMaker
    serving: ServingPlan
    """Who answers."""

    @property
    def space(self) -> dict[str, dict[str, str]]:
        """Lane → knob → range in words."""
        return {name: dict(lane.knobs) for name, lane in self.lanes.items()}


def prepare(config: SessionConfig, folder: SessionFolder, around: Surroundings) -> Prepared:
    """Check all input of a night in `folder`, write its item files there, and plan it.

    Raises:
        NightlabError: the input cannot be used.
    """
    inputs = gather_inputs(config, folder.suite, around)
    lanes = open_lanes(config.lanes, config.recipe, inputs.tags, config.agent.picker)
    target = OVERALL if config.target.category == AUTO else config.target.category
    plan = plan_night(config, inputs, folder.path.name, target)
    serving = check_serving(config, around.environ)
    return Prepared(inputs, lanes, plan, RequestMaker(config, inputs, folder, serving), serving)
