"""One night from the agent's side: the context its nodes share, and the call that runs them to the end."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# langgraph leaves type arguments of its own classes open.
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from agent.plan import NightPlan
from agent.ports import Budget, Launcher, RequestBuilder
from agent.state import NightState
from lanes.lane import Lane
from probes.candidate import LaneName
from tracking.clock import Clock
from tracking.events import Event
from tracking.night import NightRecord

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

StopReason = Literal["finished", "interrupted"]


class Appends(Protocol):
    """The ledger, as far as the agent needs it."""

    def append(self, event: Event) -> None:
        """Write one event and make sure that it stays."""
        ...


def _no_report() -> None:
    """Write nothing: for nights whose caller reports."""


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
    proposer: str = "optuna"
    write_report: Callable[[], None] = field(default=_no_report)

    def record(self, event: Event) -> None:
        """Append an event to the ledger, then to the record: nothing is known that is not written."""
        self.ledger.append(event)
        self.night.apply(event)


def run_night(context: NightContext) -> StopReason:
    """Run or go on with a night until it is finished or was asked to stop.

    Raises:
        NightlabError: the night cannot go on; everything finished so far is in the ledger.
    """
    from langgraph.checkpoint.sqlite import SqliteSaver

    from agent.graph import build_graph

    with closing(sqlite3.connect(context.checkpoint_path, check_same_thread=False)) as connection:
        graph = build_graph(SqliteSaver(connection))
        config: RunnableConfig = {"configurable": {"thread_id": context.plan.session}, "recursion_limit": 1_000_000}
        unfinished = graph.get_state(config).next
        start: NightState | None = None if unfinished else {"step": "calibrate", "next": "propose", "rounds": 0}
        final = graph.invoke(start, config, context=context, durability="sync")
    return "interrupted" if final["next"] == "stop" else "finished"
