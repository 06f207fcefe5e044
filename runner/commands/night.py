"""The night itself: start it, go on with it, see where it stands, stop it."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.commands.options import (
    INTERRUPTED,
    NIGHT,
    UNEXPECTED,
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
    from runner.config import SessionConfig
    from runner.folder import SessionFolder
    from runner.session import NightEnd
    from runner.surroundings import Surroundings

night_app = typer.Typer()

Detach = Annotated[
    bool,
    typer.Option(
        "--detach", help="Run in the background: it outlives this terminal. Prints how to watch and to stop it."
    ),
]


@night_app.command(rich_help_panel=NIGHT)
def run(
    context: typer.Context,
    session: SessionFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Session folder; default: `results/NAME-TIME`.", show_default=False),
    ] = None,
    settings: Settings = None,
    detach: Detach = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print plan, power, duration and resolved config; train nothing.")
    ] = False,
) -> None:
    """Run a night: check, calibrate, search, confirm, report.

    Prints its plan first: phases and probes, when it will end, what it will cost, what it could see. Ends with the
    report's path and the one sentence that can be claimed. For example:

        nightlab run my.toml --out results/friday --set budget.probes=80

    In the background, with the log in the session folder:

        nightlab run my.toml --out results/friday --detach
        nightlab status results/friday --watch

    Exit codes: 0 finished, whether or not a change was confirmed; 2 bad input; 3 the environment is not ready;
    4 stopped by a failure; 130 interrupted. After 4 and 130 `nightlab resume` goes on.
    """
    from runner.overrides import load_session

    config = load_session(session, settings or ())
    around = surroundings(context)
    if dry_run:
        _show_dry_run(config, around)
        return
    if detach:
        from runner.folder import SessionFolder, default_folder, require_at_rest

        folder = SessionFolder(out or default_folder(config.name, datetime.now()))
        require_at_rest(folder)
        folder.require_free()
        _show_plan(config, around, folder)
        given = [part for text in settings or () for part in ("--set", text)]
        _run_detached(["run", str(session), "--out", str(folder.path), *given], folder, around)
        return
    from runner.session import start_night

    _finish(start_night(config, out, around))


@night_app.command(rich_help_panel=NIGHT)
def resume(context: typer.Context, folder: SessionDir, detach: Detach = False) -> None:
    """Go on with an interrupted or invalidated night; no probe that counts is run again.

    A finished night is left as it is. For example:

        nightlab resume results/miniature-20260314-223000 --detach
    """
    around = surroundings(context)
    if detach:
        from runner.folder import SessionFolder

        place = SessionFolder(folder)
        place.require_session()
        _run_detached(["resume", str(place.path)], place, around)
        return
    from runner.session import resume_night

    _finish(resume_night(folder, around))


@night_app.command(rich_help_panel=NIGHT)
def status(
    context: typer.Context,
    folder: SessionDir,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until the night ends.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, max=3600.0, help="Between two looks.")
    ] = 2.0,
    as_json: Json = False,
) -> None:
    """Show where a session stands, from its ledger; also while it runs.

        nightlab status results/friday --watch

    With `--watch` it exits as the night did: 0 finished, 4 failed or cut off, 130 interrupted or invalidated. Ctrl-C
    ends the looking (130) and not the night. With `--json` as well, each change is one line of JSON.
    """
    from runner.folder import SessionFolder, is_running, state_of
    from tracking.summary import summary

    place = SessionFolder(folder)
    if watch:
        _watch(place, interval, as_json, surroundings(context))
        return
    night = place.load()
    state = "running" if is_running(place) else state_of(night)
    if as_json:
        print_json({"folder": str(place.path), "state": state, **summary(night)})
        return
    from runner.session_view import status_view
    from runner.tables import show_view

    show_view(status_view(place, night, state))


@night_app.command(rich_help_panel=NIGHT)
def stop(
    context: typer.Context,
    folder: SessionDir,
    now: Annotated[bool, typer.Option("--now", help="Give up running probes; `resume` repeats them.")] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0.0,
            help="How long its end is waited for; default: 120, with --now 30.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Ask a running night to end, as Ctrl-C would: running probes may finish, `nightlab resume` goes on later.

    With `--now` running probes are given up. Works for nights in the background and in another terminal; nothing is
    killed, and no process is signalled that the folder's lock and its `night.pid` do not both stand for.

        nightlab stop results/friday

    Exit codes: 0 it has ended, or nothing ran; 4 it still works when the wait is over.
    """
    from runner.folder import SessionFolder
    from runner.stop import stop_night

    patience = wait if wait is not None else 30.0 if now else 120.0
    stopped = stop_night(SessionFolder(folder), now, patience, surroundings(context).clock, time.sleep)
    print(stopped.words)
    if not stopped.is_over:
        raise typer.Exit(UNEXPECTED)


def _show_dry_run(config: SessionConfig, around: Surroundings) -> None:
    from runner.check import check_night
    from runner.overrides import resolved_toml
    from runner.plan_view import plan_view
    from runner.session_view import check_view
    from runner.tables import show_view

    checked = check_night(config, around)
    show_view(plan_view(checked.outlook(around)))
    show_view(check_view(checked))
    print(f"\n{resolved_toml(config)}", end="")
    refuse(checked.preflight.problems)


def _show_plan(config: SessionConfig, around: Surroundings, folder: SessionFolder) -> None:
    from runner.check import check_night
    from runner.plan_view import plan_view
    from runner.tables import show_view

    checked = check_night(config, around, folder.path.parent)
    refuse(checked.preflight.problems)
    show_view(plan_view(checked.outlook(around)), around.console)


def _run_detached(arguments: list[str], folder: SessionFolder, around: Surroundings) -> None:
    """Start a night in the background, and tell how to watch and to stop it, or why it could not begin."""
    from runner.detach import start_detached
    from runner.folder import in_words
    from tracking.commands import command

    started = start_detached(arguments, folder, around)
    if started.exit_code is not None:
        print(started.said, end="")
        raise typer.Exit(started.exit_code)
    place = in_words(folder.path)
    if not started.has_begun:
        say(f"it has not reached its first line yet; {place}/logs/night.log tells what it is at")
    print(f"process  {started.pid}, in the background")
    print(f"log      {place}/logs/night.log")
    print(f"watch    {command('status', place, '--watch')}")
    print(f"stop     {command('stop', place)}")


def _watch(folder: SessionFolder, interval: float, as_json: bool, around: Surroundings) -> None:
    """Look at a night until it ends, and exit as it did."""
    from rich.console import Console

    from runner.folder import in_words
    from runner.session_view import status_view
    from runner.tables import show_view
    from runner.watch import EXIT_CODES, NightWatch, watch, watch_json
    from tracking.commands import command

    watched = NightWatch(folder, around)
    try:
        if as_json:
            watch_json(watched, interval, time.sleep)
        else:
            watch(watched, interval, time.sleep, Console(highlight=False))
    except KeyboardInterrupt as error:
        say(f"looked away; the night goes on, `{command('status', in_words(folder.path), '--watch')}` looks again")
        raise typer.Exit(INTERRUPTED) from error
    if not as_json and watched.night.started is not None:
        show_view(status_view(folder, watched.night, watched.state))
    raise typer.Exit(EXIT_CODES[watched.state])


def _finish(end: NightEnd) -> None:
    """Print what a stretch of a night ended with, and exit as the contract says."""
    from runner.folder import in_words
    from tracking.commands import command
    from tracking.headline import headline

    print(end.folder.path / "report.md")
    print(headline(end.night))
    stopped = end.night.stopped
    if stopped is not None and stopped.stop_reason == "interrupted":
        say(f"interrupted; go on with `{command('resume', in_words(end.folder.path))}`")
        raise typer.Exit(INTERRUPTED)
