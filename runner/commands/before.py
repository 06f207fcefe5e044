"""Before the night: is the session sound, what could it see, what does one probe give?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from runner.commands.completion import complete_session
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
def init(
    context: typer.Context,
    session: Annotated[
        Path, typer.Argument(metavar="[SESSION.toml]", help="The file to write.", autocompletion=complete_session)
    ] = Path("session.toml"),
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="A model folder, a hub name, or `miniature`.", show_default=False
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE", help="Training rows, JSONL; may be repeated.", show_default=False),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option("--suite", metavar="FILE", help="Evaluation items, JSONL; may be repeated.", show_default=False),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="CATEGORY", help="What to raise: a category, `overall` or `auto`.", show_default=False
        ),
    ] = None,
    hours: Annotated[
        str | None, typer.Option("--hours", metavar="HOURS", help="How long a night may take.", show_default=False)
    ] = None,
    device_hour: Annotated[
        str | None,
        typer.Option("--device-hour", metavar="USD", help="What an hour of a device costs.", show_default=False),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            metavar="PROVIDER:MODEL",
            help="Who marks items without a scorer, e.g. `anthropic:claude-haiku-4-5`.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Of the session; default: the file's.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: defaults where no flag says more.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    check_it: Annotated[bool, typer.Option("--check/--no-check", help="Check the session once it is written.")] = True,
) -> None:
    """Write a commented session file from a few answers, and check it.

    Asks for model, data, suite, target and hours; a flag answers its question, and each answer is looked at at once.
    Without a terminal every question needs its flag, or `--yes`. For example:

        nightlab init my.toml
        nightlab init my.toml --model models/qwen3-8b --data pairs.jsonl --suite items.jsonl --hours 8 --target auto
        nightlab init --yes

    The last one writes a night of the miniature. Exits with 2 where the check finds that such a night could not
    conclude; the file is there then, and the cure is said.
    """
    from runner.init.questions import Conversation, Flags, ask_all
    from runner.init.session_text import session_text, write_session
    from tracking.commands import command

    around = surroundings(context)
    write_session(session, None, force)
    flags = Flags(name, model, tuple(data or ()), tuple(suite or ()), target, hours, judge, device_hour)
    conversation = Conversation(input if sys.stdin.isatty() else None, around.tell, yes)
    try:
        answers = ask_all(flags, conversation, session.stem)
    except (KeyboardInterrupt, EOFError) as error:
        say("nothing was written")
        raise typer.Exit(INTERRUPTED) from error
    write_session(session, session_text(answers, session), force)
    print(f"{session} is written.")
    if check_it:
        print()
        check(context, session)
    print(f"Next: {command('run', session)}")


@before_app.command(rich_help_panel=BEFORE)
def check(context: typer.Context, session: SessionFile, settings: Settings = None, as_json: Json = False) -> None:
    """Check a session before money is spent: validity, power, searched space.

    Exits with 2 and the cure when the night could not conclude, for example because a guard has no items.

        nightlab check my.toml --set budget.confirm_probes=24
    """
    from runner.check import check_night
    from runner.overrides import load_session

    checked = check_night(load_session(session, settings or ()), surroundings(context))
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
