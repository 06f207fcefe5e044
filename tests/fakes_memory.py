"""Nights on disk for the memory's tests: synthetic ledgers with their items, in one results folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fakes_night import Story, make_night

from probes.comparability import conditions, conditions_key
from probes.request import ProbeRequest
from probes.statistics.config import RefereeConfig
from tracking.events import Event, ProbeStarted
from tracking.memory.learn import Tonight
from tracking.memory.remembered import recipe_digest
from tracking.memory.siblings import project_key

BASE = "aa" * 8


def write_night(folder: Path, story: Story = "claim", item: str = "one", day: int = 14, **options: Any) -> list[Event]:
    """Write a session folder as a night of that day would leave it, and return its events."""
    (folder / "suite").mkdir(parents=True)
    (folder / "suite" / "search.jsonl").write_text(f'{{"id": "{item}"}}\n')
    (folder / "suite" / "held_out.jsonl").write_text('{"id": "two"}\n')
    events = [told(event, folder.name, day) for event in make_night(story, **options)]
    (folder / "ledger.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in events))
    return events


def told(event: Event, name: str, day: int) -> Event:
    """Return a synthetic event as another night's: its name, its day, its seeds."""
    changes: dict[str, Any] = {"at": event.at.replace("2026-03-14", f"2026-03-{day:02d}")}
    if event.kind == "session_started":
        changes["session"] = name
    if event.kind in ("probe_started", "probe_finished"):
        request = event.plan.request.model_copy(update={"seed": event.plan.request.seed + 10_000 * day})
        changes["plan"] = event.plan.model_copy(update={"request": request})
        if event.kind == "probe_finished":
            changes["outcome"] = event.outcome.model_copy(update={"key": request.key})
        else:
            changes["key"] = request.key
    return event.model_copy(update=changes)


def project_of(folder: Path) -> str:
    return project_key(BASE, [folder / "suite" / name for name in ("search.jsonl", "held_out.jsonl")])


def first_request(events: list[Event]) -> ProbeRequest:
    return next(event.plan.request for event in events if isinstance(event, ProbeStarted))


def tonight_like(events: list[Event], folder: Path, target: str = "private_voice", **rules: Any) -> Tonight:
    """Return a night under the conditions of `events`."""
    request = first_request(events)
    return Tonight(
        project=project_of(folder),
        conditions=conditions(request),
        conditions_key=conditions_key(request),
        held_out_conditions=conditions(request.model_copy(update={"split": "held_out"})),
        baseline=recipe_digest(request.recipe),
        train=tuple(ref.digest for ref in request.train),
        target=target,
        referee=RefereeConfig(**rules),
    )
