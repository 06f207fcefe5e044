"""Nights over simulated landscapes for the agent's tests: the real graph, lanes and statistics, simulated probes."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from pathlib import Path

from fakes import CATEGORIES, FakeClock, MemoryLedger, OpenBudget, SimulatedLauncher, make_request

from agent.context import NightContext
from agent.plan import NightPlan
from lanes.config import LanesConfig
from lanes.open import open_lanes
from probes.recipe import Curriculum, Recipe
from probes.statistics.config import RefereeConfig
from tracking.events import SessionStarted
from tracking.night import NightRecord

BASELINE = Recipe(base_model="m", learning_rate=1e-3, rank=8, steps=10, curriculum=Curriculum(sources=("letters",)))
TAGS = {"category": {name: 20 for name in CATEGORIES}, "source": {"letters": 30, "records": 30}}
LANES = LanesConfig.model_validate(
    {
        "hyperparameters": {
            "learning_rate": {"low": 2.5e-4, "high": 4e-3, "scale": "log", "max_factor": 2.0},
            "rank": {"values": [4, 8, 16, 32], "max_factor": 2.0},
        }
    }
)


def nothing_helps(recipe: Recipe) -> Mapping[str, float]:
    return dict.fromkeys(CATEGORIES, -abs(log(recipe.learning_rate / 1e-3)) - 0.3 * len(recipe.mix.rules))


def faster_helps(recipe: Recipe) -> Mapping[str, float]:
    return {"private_voice": 2.5 * log(recipe.learning_rate / 1e-3)}


def faster_breaks_a_guard(recipe: Recipe) -> Mapping[str, float]:
    gain = 2.5 * log(recipe.learning_rate / 1e-3)
    return {"private_voice": gain, "ground_truth": -2.5 * gain}


def make_night(
    tmp_path: Path,
    launcher: SimulatedLauncher,
    events: MemoryLedger | None = None,
    probes: int = 60,
    lanes: LanesConfig = LANES,
    **rules: object,
) -> NightContext:
    rules = {"controls": False, **rules}
    plan = NightPlan(
        session="test",
        seed=3,
        baseline=BASELINE,
        target="private_voice",
        guards={"ground_truth": 1.5, "verified_response": 1.5},
        referee=RefereeConfig.model_validate(rules),
        budget_probes=probes,
        confirm_probes=16,
        max_attempts=2,
        search_items={name: launcher.items for name in CATEGORIES},
        held_out_items={name: launcher.items for name in CATEGORIES},
        samples=1,
    )
    ledger, clock = events or MemoryLedger(), FakeClock()
    context = NightContext(
        plan=plan,
        ledger=ledger,
        night=NightRecord.replay(ledger.written),
        launcher=launcher,
        lanes=open_lanes(lanes, BASELINE, TAGS, "optuna"),
        budget=OpenBudget(probes, 16),
        clock=clock,
        make_request=make_request,
        checkpoint_path=tmp_path / "checkpoints.sqlite",
    )
    if not ledger.written:
        context.record(
            SessionStarted(
                at=clock.now(), session="test", config={}, config_digest="", baseline=BASELINE, provenance={}
            )
        )
    return context


def folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def without_times(ledger: MemoryLedger) -> list[str]:
    kinds = ("session_stopped", "session_resumed", "probe_started")
    return [e.model_copy(update={"at": ""}).model_dump_json() for e in ledger.written if e.kind not in kinds]
