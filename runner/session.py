"""A session from its config to its report: the only place that builds objects and hands them down."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from agent.context import NightContext
from agent.night import run_night
from agent.opening import lane_facts
from agent.plan import NightPlan
from agent.proposers.open import open_proposer
from agent.targeting import settle_target
from probes.errors import ConfigError, LedgerError
from runner.adapters import AdapterSweeper
from runner.budget import NightBudget
from runner.check import Check
from runner.config import SessionConfig
from runner.disk import DiskGuard, bytes_needed, require_room
from runner.display import NightDisplay
from runner.earlier import leave_memory, with_earlier
from runner.folder import SessionFolder, default_folder
from runner.followers import alarming, complete_mirror, mirroring, observe
from runner.interrupts import StopRequest, catching_signals
from runner.outlook import earlier_probe
from runner.overrides import resolved_toml
from runner.plan_view import plan_view
from runner.planning import AUTO
from runner.preflight import Preflight, preflight
from runner.preparing import Prepared, prepare
from runner.progress import ProgressLog
from runner.serving.open import keyed, serving
from runner.set_aside import set_aside
from runner.stretch import Stretch, require_same_conditions, require_same_inputs, require_same_settings
from runner.surroundings import Surroundings
from runner.tables import show_view
from runner.wind_up import open_scribe, wind_up
from tracking.atomic import replace_text
from tracking.ledger import Ledger
from tracking.night import NightRecord
from tracking.results_tsv import ResultsTable


class NightEnd(NamedTuple):
    """Where a stretch of a night ended."""

    folder: SessionFolder
    night: NightRecord


def start_night(config: SessionConfig, out: Path | None, around: Surroundings) -> NightEnd:
    """Run a new night in `out`, or in a fresh folder under `results/`.

    Raises:
        NightlabError: bad input before the first probe, or a failure after it (the night can then be resumed).
    """
    folder = SessionFolder(out or default_folder(config.name, datetime.now()))
    was_there = folder.path.exists()
    made = [parent for parent in folder.path.parents if not parent.exists()]
    with folder.locked():
        try:
            folder.require_free()
            folder.create()
            return _run(config, folder, around)
        finally:
            if not was_there and not folder.has_events:
                shutil.rmtree(folder.path, ignore_errors=True)
                with suppress(OSError):
                    for parent in made:
                        parent.rmdir()


def resume_night(path: Path, around: Surroundings) -> NightEnd:
    """Go on with an interrupted or invalidated night; a finished one is returned as it is.

    Raises:
        NightlabError: there is no session, its settings or inputs have changed, or it fails again.
    """
    folder = SessionFolder(path)
    folder.require_session()
    with folder.locked():
        night = folder.load()
        if night.started is None:
            raise ConfigError(f"`{folder.path}` holds a session that never started; run its session file again")
        require_same_settings(night, folder)
        if night.stopped is not None and night.stopped.stop_reason == "finished":
            complete_mirror(recorded_config(night, folder), night, folder, around)
            if not folder.has_report:
                from runner.report.build import write_report

                write_report(folder.path)
            return NightEnd(folder, night)
        if night.is_set_back:
            set_aside(folder, night)
        return _run(recorded_config(night, folder), folder, around)


def recorded_config(night: NightRecord, folder: SessionFolder) -> SessionConfig:
    """Return the config a night was started with, from its ledger.

    Raises:
        LedgerError: it is not one of this version.
    """
    assert night.started is not None
    try:
        return SessionConfig.model_validate(night.started.config)
    except ValidationError as error:
        raise LedgerError(
            f"the config in `{folder.ledger}` does not fit this version of nightlab ({error.error_count()} keys); "
            "resume it with the version that started it (its commit is in the ledger), or start a new session"
        ) from error


def _prepare(config: SessionConfig, folder: SessionFolder, around: Surroundings) -> tuple[Prepared, Preflight | None]:
    """Check everything that can be checked; a new night stops here when it could not conclude.

    One that is under way has what was known before it in its ledger.
    """
    prepared = prepare(config, folder, around)
    night = folder.load() if folder.has_events else NightRecord()
    left = max(0, config.budget.probes - len(night.probes))
    require_room(bytes_needed(config, prepared.inputs, left), config, folder.path, around.free_bytes)
    if night.is_under_way:
        return prepared, None
    ahead = preflight(config, prepared, folder.path, around)
    if ahead.problems:
        raise ConfigError("\n".join(ahead.problems))
    replace_text(folder.config, resolved_toml(config))
    return prepared, ahead


def _run(config: SessionConfig, folder: SessionFolder, around: Surroundings) -> NightEnd:
    """Run one stretch of a night: its first, or the one after an interruption."""
    stop = StopRequest(around.say)
    around = keyed(config, around)
    with ExitStack() as stack:
        proposer = stack.enter_context(open_proposer(config.agent, around.environ, around.clock))
        scribe = stack.enter_context(open_scribe(config, around.environ))
        # Early, so that the workers' imports overlap with everything below.
        launcher = stack.enter_context(around.open_launcher(config, folder.logs, stop))
        prepared, ahead = _prepare(config, folder, around)
        if ahead is not None:
            _announce(Check(config, prepared, ahead), around)
        log = ProgressLog(folder.progress)
        guard = _disk_guard(config, folder, around, stop, log)
        ledger = stack.enter_context(Ledger(folder.ledger, pauses=guard.pauses))
        night = NightRecord.replay(ledger.events())
        require_same_inputs(night, prepared.inputs.digests, folder)
        require_same_conditions(night, prepared.make_request(config.recipe, config.seed, "search"), folder)
        budget = NightBudget(config.budget, around.clock, launcher.workers, night.active_s, _probe_usd(config, folder))
        display = NightDisplay(config, around.console, around.clock, budget.left_s)
        sweeper = AdapterSweeper(folder.probes, config.probe.keep_adapters)
        # The guard last: it may hold the night up, and everybody else has seen by then what it is held up at.
        observe(ledger, (log, ResultsTable(folder.results), sweeper, budget, display, guard))
        stretch = Stretch(ledger, night, around.clock, folder)
        stack.enter_context(alarming(config, folder, around, ledger, stretch))
        stack.enter_context(mirroring(config, folder, around, ledger, stretch))
        context = NightContext(
            plan=prepared.plan,
            ledger=ledger,
            night=night,
            launcher=launcher,
            lanes=prepared.lanes,
            budget=budget,
            clock=around.clock,
            make_request=prepared.make_request,
            checkpoint_path=folder.checkpoint,
            proposer=proposer,
            lane_facts=lane_facts(config.lanes, config.recipe, prepared.inputs.tags, prepared.lanes),
            wind_up=partial(wind_up, config, stretch, night, scribe),
            write_report=stretch.write_report,
        )
        with display, catching_signals(stop), stretch:
            warnings, earlier = (ahead.warnings, ahead.earlier) if ahead is not None else ((), None)
            stretch.begin(config, prepared.inputs.digests, prepared.space, warnings, earlier)
            context.plan = _informed(context.plan, night)
            base = Path(prepared.inputs.base_model.path)
            with serving(config, prepared.serving, base, folder.logs, around, stop):
                end = _agent_night(context, config)
            if end == "interrupted":
                stretch.stop("interrupted", "asked to stop")
        peaks = ", ".join(f"{peak:.2f}" for peak in launcher.peak_memory_gib)
        log.note(around.clock.now(), f"peak memory per worker: {peaks} GiB")
    leave_memory(folder, night)
    return NightEnd(folder, night)


def _announce(check: Check, around: Surroundings) -> None:
    """Show the plan of a new night before its first probe."""
    with suppress(OSError):  # the terminal may be gone; the night goes on
        show_view(plan_view(check.outlook(around)), around.console)


def _probe_usd(config: SessionConfig, folder: SessionFolder) -> float | None:
    """Return what a probe cost in an earlier night beside this one, where dollars are limited and one tells."""
    if config.budget.usd is None:
        return None
    known = earlier_probe(config, folder.path.parent)
    return known.usd if known else None


def _informed(plan: NightPlan, night: NightRecord) -> NightPlan:
    """Return the plan with what the night's own ledger says of earlier nights."""
    return with_earlier(plan, night.earlier, night.drift is not None and night.drift.noise_dropped)


def _disk_guard(
    config: SessionConfig, folder: SessionFolder, around: Surroundings, stop: StopRequest, log: ProgressLog
) -> DiskGuard:
    reserve = round(config.launcher.disk_reserve_gib * 2**30)
    return DiskGuard(
        folder.path, reserve, config.launcher.disk_wait_s, around.clock, stop, around.say, log.note, around.free_bytes
    )


def _agent_night(context: NightContext, config: SessionConfig) -> str:
    """Settle the target where the session leaves it open, then let the agent work."""
    if config.target.category == AUTO:
        target = settle_target(context)
        if target is None:
            return "interrupted"
        guards = {name: margin for name, margin in context.plan.guards.items() if name != target}
        context.plan = _informed(replace(context.plan, target=target, guards=guards), context.night)
    return run_night(context)
