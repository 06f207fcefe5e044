"""Before the night: is the session sound, what could it see, what does one probe give?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from runner.commands.options import (
    BEFORE,
    INTERRUPTED,
    UNEXPECTED,
    Json,
    SessionFile,
    Settings,
    print_json,
    refuse,
    say,
    surroundings,
)

before_app = typer.Typer()


@before_app.command(rich_help_panel=BEFORE)
def check(context: typer.Context, session: SessionFile, settings: Settings = None, as_json: Json = False) -> None:
    """Check a session before money is spent: validity, power, searched space.

    Exits with 2 and the cure when the night could not conclude, for example because a guard has no items.
    """
    from runner.check import check_session
    from runner.overrides import load_session

    checked = check_session(load_session(session, settings or ()), surroundings(context))
    if as_json:
        print_json(checked.as_json())
    else:
        from runner.session_view import check_view
        from runner.tables import show_view

        show_view(check_view(checked))
    refuse(checked.preflight.problems)


@before_app.command(rich_help_panel=BEFORE)
def simulate(
    context: typer.Context,
    session: SessionFile,
    settings: Settings = None,
    nights: Annotated[int, typer.Option("--nights", min=1, max=100_000, help="Simulated nights per stream.")] = 200,
    as_json: Json = False,
) -> None:
    """Play simulated nights of a session: what its budget would find, miss and claim. Trains nothing.

    Budget, levels, guards, items and noise are the session's own; the changes come from four standard streams, from
    one in which many help to one in which nothing does anything. Vary a key to see what it buys:

        nightlab simulate my.toml --set budget.probes=240
    """
    from runner.check import check_session
    from runner.launchers.devices import usable_cores
    from runner.overrides import load_session

    around = surroundings(context)
    checked = check_session(load_session(session, settings or ()), around)
    refuse(checked.preflight.problems)
    from runner.simulation.night import setting_of
    from runner.simulation.play import simulate as simulate_nights

    try:
        outlook = simulate_nights(setting_of(checked.plan), nights, usable_cores(), around.console)
    except KeyboardInterrupt as error:
        say("interrupted; nothing was kept")
        raise typer.Exit(INTERRUPTED) from error
    if as_json:
        power = checked.preflight.power.model_dump(mode="json")
        print_json({"session": checked.config.name, "power": power, **outlook.model_dump(mode="json")})
        return
    from runner.session_view import power_view
    from runner.simulation.view import simulation_view
    from runner.tables import show_view

    show_view([*power_view(checked.preflight.power), "", *simulation_view(outlook)])


@before_app.command(rich_help_panel=BEFORE)
def probe(
    context: typer.Context,
    session: SessionFile,
    settings: Settings = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Train seed; equal seeds give equal scores.")] = 0,
    split: Annotated[Literal["search", "held_out"], typer.Option("--split", help="Which items are scored.")] = "search",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Keep adapter, answers and scores here.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one probe of the session's recipe and print its scores per category.

    nightlab probe my.toml --set recipe.rank=64 --seed 3
    """
    from probes.outcome import ProbeStatus
    from runner.overrides import load_session
    from runner.single_probe import probe_json, run_probe

    probe = run_probe(load_session(session, settings or ()), seed, split, out, surroundings(context))
    if probe is None:
        raise typer.Exit(INTERRUPTED)
    outcome = probe.outcome
    if as_json:
        print_json(probe_json(probe))
    elif outcome.status is ProbeStatus.COMPLETED:
        from runner.probe_view import scores_view
        from runner.tables import show_view

        show_view(scores_view(outcome, probe.request.weights))
    if outcome.status is not ProbeStatus.COMPLETED:
        say(f"the probe {outcome.status}: {outcome.message}\n{outcome.log_tail}".rstrip())
        raise typer.Exit(UNEXPECTED)
