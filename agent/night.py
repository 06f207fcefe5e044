"""One night from the agent's side: the call that runs its graph to the end, or on from where it stood."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# langgraph leaves type arguments of its own classes open.
from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Literal

from agent.context import NightContext
from agent.state import NightState

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

StopReason = Literal["finished", "interrupted"]


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
