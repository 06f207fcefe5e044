"""What the nodes of a night share: built by the session, never stored in a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.early_stop import SearchProbes
from agent.evidence import SearchEvidence
from agent.last_readings import LastReadings
from agent.plan import NightPlan
from agent.policy import LaneFacts
from agent.ports import Budget, Launcher, RequestBuilder
from agent.proposers.proposer import Proposer
from agent.proposers.statistical import StatisticalProposer
from agent.tried import TriedMoves
from lanes.lane import Lane
from probes.candidate import LaneName
from tracking.clock import Clock
from tracking.events import Event
from tracking.night import NightRecord


class Appends(Protocol):
    """The ledger, as far as the agent needs it."""

    def append(self, event: Event) -> None:
        """Write one event and make sure that it stays."""
        ...


def _nothing() -> None:
    """Do nothing: for nights whose caller reports."""


@dataclass
class NightContext:
    """What the nodes may use; built by the session, never stored in a checkpoint."""

    plan: NightPlan
    ledger: Appends
    night: NightRecord
    """The fold of the ledger so far; `record` keeps it in step."""
    launcher: Launcher
    lanes: Mapping[LaneName, Lane]
    budget: Budget
    clock: Clock
    make_request: RequestBuilder
    checkpoint_path: Path
    proposer: Proposer = field(default_factory=lambda: StatisticalProposer("optuna"))
    lane_facts: LaneFacts | None = None
    """What session and training rows say of the lanes; None: nothing is known, and all that are open stay so."""
    wind_up: Callable[[], None] = field(default=_nothing)
    """Called before the last line: what the session records for the report."""
    write_report: Callable[[], None] = field(default=_nothing)
    evidence: SearchEvidence = field(init=False)
    """The search's fits, so that a look at a long ledger costs what is new in it."""
    tried: TriedMoves = field(init=False)
    """The moves so far, likewise."""
    search_probes: SearchProbes = field(init=False)
    """The probes that a stop rule may learn from, likewise."""
    last_readings: LastReadings = field(init=False)
    """The candidates by their last reading, likewise."""

    def __post_init__(self) -> None:
        """Start without any look."""
        self.evidence, self.tried = SearchEvidence(self.plan), TriedMoves()
        self.search_probes, self.last_readings = SearchProbes(), LastReadings()

    @property
    def searched(self) -> Mapping[LaneName, Lane]:
        """The lanes that are asked for changes: those that the policy left open."""
        closed = self.night.policy.closed if self.night.policy is not None else frozenset[LaneName]()
        return {name: lane for name, lane in self.lanes.items() if name not in closed}

    def record(self, event: Event) -> None:
        """Append an event to the ledger, then to the record: nothing is known that is not written."""
        self.ledger.append(event)
        self.night.apply(event)
