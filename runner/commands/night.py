"""The night itself: start it, go on with it, see where it stands, stop it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.commands.options import (
    INTERRUPTED,
    NIGHT,
    Json,
    SessionDir,
    SessionFile,
    Settings,
    print_json,
    refuse,
    say,
    surroundings,
)

if TYPE_CHECKING:
    from runner.session import NightEnd

night_app = typer.Typer()


@night_app.command(rich_help_panel=NIGHT)
def run(
    context: typer.Context,
    session: SessionFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Session folder; default: results/<name>-<time>.", show_default=False),
    ] = None,
    settings: Settings = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print plan, power, duration and resolved config; train nothing.")
    ] = False,
) -> None:
    """Run a night: check, calibrate, search, confirm, report.

    Ends with the report's path and the one sentence that can be claimed. For example:

        nightlab run my.toml --out results/friday --set budget.probes=80
    """
    from runner.overrides import load_session

    config = load_session(session, settings or ())
    around = surroundings(context)
    if dry_run:
        from runner.check import check_session, earlier_probe
        from runner.overrides import resolved_toml
        from runner.tables import check_view, plan_view, show_view

        checked = check_session(config, around)
        known = earlier_probe(config.name, config.budget.rates.device_hour)
        show_view(plan_view(config, len(around.worker_gpus(config)), known))
        show_view(check_view(checked))
        print(f"\n{resolved_toml(config)}", end="")
        refuse(checked.preflight.problems)
        return
    from runner.session import start_night

    _finish(start_night(config, out, around))


@night_app.command(rich_help_panel=NIGHT)
def resume(context: typer.Context, folder: SessionDir) -> None:
    """Go on with an interrupted or invalidated night; no probe that counts is run again.

    nightlab resume results/miniature-20260314-223000
    """
    from runner.session import resume_night

    _finish(resume_night(folder, surroundings(context)))


@night_app.command(rich_help_panel=NIGHT)
def status(folder: SessionDir, as_json: Json = False) -> None:
    """Show where a session stands, from its ledger; also while it runs."""
    from runner.folder import SessionFolder, is_running, state_of
    from tracking.summary import summary

    place = SessionFolder(folder)
    night = place.load()
    state = "running" if is_running(place) else state_of(night)
    if as_json:
        print_json({"folder": str(place.path), "state": state, **summary(night)})
        return
    from runner.tables import show_view, status_view

    show_view(status_view(place, night, state))


def _finish(end: NightEnd) -> None:
    """Print what a stretch of a night ended with, and exit as the contract says."""
    from tracking.headline import headline

    print(end.folder.path / "report.md")
    print(headline(end.night))
    stopped = end.night.stopped
    if stopped is not None and stopped.stop_reason == "interrupted":
        say(f"interrupted; go on with `nightlab resume {end.folder.path}`")
        raise typer.Exit(INTERRUPTED)
