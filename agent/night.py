"""One night from the agent's side: the call that runs its graph to the end, or on from where it stood."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# langgraph leaves type arguments of its own classes open.
from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.context import NightContext
from agent.heap import take_back
from agent.state import NightState
from tracking import events as ev

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver

StopReason = Literal["finished", "interrupted"]


def run_night(context: NightContext) -> StopReason:
    """Run or go on with a night until it is finished or was asked to stop.

    The checkpoint holds only the position, which the ledger gives as well: one that cannot be read or written is put
    aside and the night goes on without it.

    Raises:
        NightlabError: the night cannot go on; everything finished so far is in the ledger.
    """
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        with closing(sqlite3.connect(context.checkpoint_path, check_same_thread=False)) as connection:
            return _run(context, SqliteSaver(connection))
    except sqlite3.Error as error:
        problem = str(error)
    _put_aside(context.checkpoint_path)
    text = f"`{context.checkpoint_path.name}` cannot be used ({problem}); the night goes on from its ledger"
    context.record(ev.Warned(at=context.clock.now(), subject="position", message=text))
    return _run(context, InMemorySaver())


def _run(context: NightContext, saver: BaseCheckpointSaver[str]) -> StopReason:
    """Run the graph from where `saver` says it stood.

    Raises:
        sqlite3.Error: the position cannot be read or written.
    """
    from agent.graph import build_graph

    graph = build_graph(saver)
    config: RunnableConfig = {"configurable": {"thread_id": context.plan.session}, "recursion_limit": 1_000_000}
    try:
        unfinished = graph.get_state(config).next
    except (ValueError, TypeError, LookupError) as error:  # a whole database around a damaged value
        raise sqlite3.DatabaseError(f"{type(error).__name__}: {error}") from error
    start: NightState | None = None if unfinished else {"step": "calibrate", "next": "propose", "rounds": 0}
    try:
        final = graph.invoke(start, config, context=context, durability="sync")
    finally:
        take_back()
    return "interrupted" if final["next"] == "stop" else "finished"


def _put_aside(checkpoint: Path) -> None:
    """Rename the database, so that the next stretch begins a new one; what SQLite keeps beside it goes."""
    with suppress(OSError):
        for name in ("-wal", "-shm"):
            checkpoint.with_name(checkpoint.name + name).unlink(missing_ok=True)
        checkpoint.replace(checkpoint.with_suffix(".broken"))
