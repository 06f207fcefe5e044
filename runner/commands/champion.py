"""`nightlab champion`: the best confirmed recipe for each role, kept across nights. Nothing is trained."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.commands.options import Json, print_json, surroundings

if TYPE_CHECKING:
    from runner.champion import Decision
    from tracking.champions import Holder

champion_app = typer.Typer(
    name="champion",
    no_args_is_help=True,
    help="""Keep the best confirmed recipe for each role, across nights.

    A role is a name you choose, such as `production` or `judge-voice`. A finished night whose claim was confirmed can
    be promoted to one, with a reason; a frozen role is left alone until somebody takes the freeze off, with a reason.
    Every decision is a line of `results/champions.jsonl`; none is ever deleted.

        nightlab champion promote results/friday --role production --reason "first to hold every guard"
        nightlab champion freeze production --reason "in use until the release"
        nightlab champion show production""",
)

Role = Annotated[str, typer.Argument(metavar="ROLE", help="E.g. `production`.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept forever.", show_default=False)]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides; default: the user.", show_default=False)
]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where the champions are kept.")]
_RESULTS = Path("results")


@champion_app.command("list")
def list_roles(results: Results = _RESULTS, as_json: Json = False) -> None:
    """List the roles: who holds each, its claimed effect, whether it is frozen, and why.

    Warns where a champion's night is gone or its claim has been withdrawn since.

        nightlab champion list --json
    """
    from probes.errors import ConfigError
    from runner.champion_view import holder_json, list_view
    from runner.tables import show_view
    from tracking.champions import ChampionBook

    if not results.is_dir():
        raise ConfigError(f"there is no folder `{results}`; name the folder of your nights with --results")
    holders = ChampionBook(results).holders()
    if as_json:
        print_json([holder_json(holder, results) for holder in holders.values()])
        return
    show_view(list_view(holders, results))


@champion_app.command()
def show(
    context: typer.Context,
    role: Role,
    session: Annotated[
        Path | None,
        typer.Option("--session", metavar="SESSION.toml", help="Say in what this session would measure otherwise."),
    ] = None,
    results: Results = _RESULTS,
    as_json: Json = False,
) -> None:
    """Show a role's champion: claim, guards, who promoted it and why, and its recipe.

    The recipe is printed as the `[recipe]` block of a session file: paste it there, and the next night starts from it.
    With a session, the conditions of both are held against each other first.

        nightlab champion show production --session next.toml
    """
    from runner.champion import differences_from, find
    from runner.champion_view import holder_json, show_champion
    from runner.tables import show_view

    holder = find(role, results)
    found = None
    if session is not None:
        from runner.overrides import load_session

        found = differences_from(holder.champion, load_session(session), surroundings(context))
    if as_json:
        print_json(holder_json(holder, results, found))
        return
    show_view(show_champion(holder, results, found))


@champion_app.command()
def promote(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A finished session.", show_default=False)],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="E.g. `production`.", show_default=False)],
    reason: Reason,
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="Take a night whose claim was not confirmed; shown forever.")
    ] = False,
    by: By = None,
    results: Results = _RESULTS,
) -> None:
    """Give a night's recipe a role.

    Refused for a night that has not ended, whose claim was not confirmed or has been withdrawn, and for a frozen role.
    The recipe, with one adapter of its confirmation, goes to MLflow's model registry, the role as its alias.

        nightlab champion promote results/friday --role production --reason "first to hold every guard"
    """
    from runner.champion import promote as give
    from runner.champion_view import promotion_line

    decision = _decision(context, role, reason, by)
    holder = give(folder, decision, results, unconfirmed)
    _tell(holder, results)
    line = promotion_line(holder, decision)
    if line is not None:
        print(line)
    from runner.folder import SessionFolder
    from runner.mlflow_night import register_champion

    around = surroundings(context)
    register_champion(SessionFolder(folder), holder, around.environ, around.say)


@champion_app.command()
def freeze(context: typer.Context, role: Role, reason: Reason, by: By = None, results: Results = _RESULTS) -> None:
    """Keep a role's champion from being replaced.

    nightlab champion freeze production --reason "in use until the release"
    """
    from runner.champion import freeze as keep

    _tell(keep(_decision(context, role, reason, by), results), results)


@champion_app.command()
def unfreeze(context: typer.Context, role: Role, reason: Reason, by: By = None, results: Results = _RESULTS) -> None:
    """Let a role's champion be replaced again.

    nightlab champion unfreeze production --reason "released; the next one may come"
    """
    from runner.champion import unfreeze as let_go

    _tell(let_go(_decision(context, role, reason, by), results), results)


def _decision(context: typer.Context, role: str, reason: str, by: str | None) -> Decision:
    from runner.champion import Decision

    around = surroundings(context)
    who = by or around.environ.get("USER") or around.environ.get("LOGNAME") or _system_user()
    return Decision(role, " ".join(reason.split()), " ".join(who.split()), around.clock.now())


def _system_user() -> str:
    """Return the name that the system has for the user of this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "unknown"


def _tell(holder: Holder, results: Path) -> None:
    from runner.champion_view import list_view
    from runner.tables import show_view

    show_view(list_view({holder.role: holder}, results))
