"""The night as a graph: wiring only.

check → calibrate ⇄ probe → propose → probe → decide → propose … → settle ⇄ probe → confirm ⇄ probe → report
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# langgraph leaves type arguments of its own classes open.
from __future__ import annotations

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent import nodes
from agent.context import NightContext
from agent.state import Next, NightState


def build_graph(
    checkpointer: BaseCheckpointSaver[str],
) -> CompiledStateGraph[NightState, NightContext, NightState, NightState]:
    """Return the compiled graph; its position is kept by `checkpointer` under the session's id."""
    graph = StateGraph(NightState, context_schema=NightContext)
    graph.add_node("check", nodes.check)
    graph.add_node("calibrate", nodes.calibrate)
    graph.add_node("propose", nodes.propose_candidates)
    graph.add_node("probe", nodes.run_probes)
    graph.add_node("decide", nodes.decide)
    graph.add_node("settle", nodes.settle_recipe)
    graph.add_node("confirm", nodes.confirm)
    graph.add_node("report", nodes.report)

    graph.add_edge(START, "check")
    graph.add_edge("check", "calibrate")
    graph.add_conditional_edges("calibrate", _next, ["probe", "propose", "decide"])
    graph.add_conditional_edges("propose", _next, ["probe", "settle", "confirm"])
    graph.add_conditional_edges("settle", _next, ["probe", "confirm"])
    graph.add_conditional_edges(
        "probe",
        _next,
        {"calibrate": "calibrate", "decide": "decide", "settle": "settle", "confirm": "confirm", "stop": END},
    )
    graph.add_edge("decide", "propose")
    graph.add_conditional_edges("confirm", _next, ["probe", "report"])
    graph.add_edge("report", END)
    return graph.compile(checkpointer=checkpointer)


def _next(state: NightState) -> Next:
    return state["next"]
