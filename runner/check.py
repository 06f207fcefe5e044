"""The check of a session without its night: is it valid, could it conclude? Nothing is trained and nothing is kept."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from agent.plan import NightPlan
from probes.language_models.config import read_key
from runner.config import SessionConfig
from runner.disk import bytes_needed, require_room
from runner.earlier import with_earlier
from runner.folder import RESULTS, SessionFolder
from runner.outlook import Outlook
from runner.preflight import Preflight, preflight
from runner.preparing import Prepared, prepare
from runner.surroundings import Surroundings


class Check(NamedTuple):
    """What the check found."""

    config: SessionConfig
    prepared: Prepared
    preflight: Preflight

    @property
    def plan(self) -> NightPlan:
        """The night's plan, with what earlier nights teach."""
        return with_earlier(self.prepared.plan, self.preflight.earlier)

    def outlook(self, around: Surroundings) -> Outlook:
        """Return what is known of the night before it begins, as its plan shows it."""
        workers, ahead = len(around.worker_gpus(self.config)), self.preflight
        return Outlook(self.config, workers, ahead.power, tuple(self.prepared.lanes), ahead.known, around.clock.now())

    def as_json(self) -> dict[str, Any]:
        """Return the check for machines."""
        ahead = self.preflight
        return {
            "session": self.config.name,
            "valid": not ahead.problems,
            "problems": list(ahead.problems),
            "warnings": list(ahead.warnings),
            "power": ahead.power.model_dump(mode="json"),
            "space": self.prepared.space,
            "digests": self.prepared.inputs.digests,
            "earlier_nights": ahead.earlier.model_dump(mode="json") if ahead.earlier else None,
        }


def check_session(config: SessionConfig, around: Surroundings, results: Path = RESULTS) -> Check:
    """Check a session: its input, and whether a night of it could conclude.

    Raises:
        NightlabError: the input cannot be used. That the night could not conclude is told in `preflight.problems`.
    """
    if config.agent.access is not None:
        read_key(config.agent.access, around.environ)
    with tempfile.TemporaryDirectory(prefix="nightlab-check-") as scratch:
        prepared = prepare(config, SessionFolder(Path(scratch) / config.name), around)
        return Check(config, prepared, preflight(config, prepared, results / config.name, around))


def check_night(config: SessionConfig, around: Surroundings, results: Path = RESULTS) -> Check:
    """Check all a night in `results` would check before its first probe: the session, and the room on the disk.

    Raises:
        NightlabError: as for a session alone.
        LaunchError: what the night may need is not free.
    """
    checked = check_session(config, around, results)
    needed = bytes_needed(config, checked.prepared.inputs, config.budget.probes)
    require_room(needed, config, results / config.name, around.free_bytes)
    return checked
