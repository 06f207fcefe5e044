"""The command line: `nightlab`. Results go to standard output, logs to standard error.

Exit codes: 0 finished, 2 bad input or configuration, 3 environment not ready, 4 stopped by a failure (resumable),
130 interrupted (resumable). Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from probes.errors import NightlabError
from runner.champion_cli import champion_app
from runner.suite_cli import suite_app

if TYPE_CHECKING:
    from runner.session import NightEnd
    from runner.surroundings import Surroundings

UNEXPECTED, INTERRUPTED = 4, 130

app = typer.Typer(
    name="nightlab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Looks for a better fine-tuning recipe while you sleep, and tells the truth about it.

    One TOML file is one session. Start with the check, then let it run:

        nightlab check runner/sessions/miniature.toml
        nightlab run runner/sessions/miniature.toml

    Ctrl-C once lets running probes finish, twice stops now; `nightlab resume` goes on after any interruption.""",
)

app.add_typer(suite_app)
app.add_typer(champion_app)

SessionFile = Annotated[Path, typer.Argument(metavar="SESSION.toml", help="The session file.", show_default=False)]
SessionDir = Annotated[
    Path, typer.Argument(metavar="DIR", help="A session folder, e.g. results/<session>.", show_default=False)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key: `--set recipe.learning_rate=1e-4`; may be repeated. A bare word is text.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
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
    around = _around(context)
    if dry_run:
        from runner.check import check_session, earlier_probe
        from runner.overrides import resolved_toml
        from runner.tables import check_view, plan_view, show_view

        checked = check_session(config, around)
        known = earlier_probe(config.name, config.budget.rates.device_hour)
        show_view(plan_view(config, len(around.worker_gpus(config)), known))
        show_view(check_view(checked))
        print(f"\n{resolved_toml(config)}", end="")
        _refuse(checked.preflight.problems)
        return
    from runner.session import start_night

    _finish(start_night(config, out, around))


@app.command()
def check(context: typer.Context, session: SessionFile, settings: Settings = None, as_json: Json = False) -> None:
    """Check a session before money is spent: validity, power, searched space.

    Exits with 2 and the cure when the night could not conclude, for example because a guard has no items.
    """
    from runner.check import check_session
    from runner.overrides import load_session

    checked = check_session(load_session(session, settings or ()), _around(context))
    if as_json:
        _print_json(checked.as_json())
    else:
        from runner.tables import check_view, show_view

        show_view(check_view(checked))
    _refuse(checked.preflight.problems)


@app.command()
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

    around = _around(context)
    checked = check_session(load_session(session, settings or ()), around)
    _refuse(checked.preflight.problems)
    from runner.simulation.night import setting_of
    from runner.simulation.play import simulate as simulate_nights

    try:
        outlook = simulate_nights(setting_of(checked.plan), nights, usable_cores(), around.console)
    except KeyboardInterrupt as error:
        _say("interrupted; nothing was kept")
        raise typer.Exit(INTERRUPTED) from error
    if as_json:
        power = checked.preflight.power.model_dump(mode="json")
        _print_json({"session": checked.config.name, "power": power, **outlook.model_dump(mode="json")})
        return
    from runner.simulation.view import simulation_view
    from runner.tables import power_view, show_view

    show_view([*power_view(checked.preflight.power), "", *simulation_view(outlook)])


@app.command()
def resume(context: typer.Context, folder: SessionDir) -> None:
    """Go on with an interrupted or invalidated night; no probe that counts is run again.

    nightlab resume results/miniature-20260314-223000
    """
    from runner.session import resume_night

    _finish(resume_night(folder, _around(context)))


@app.command()
def invalidate(
    context: typer.Context,
    folder: SessionDir,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="A time, `2026-03-14T22:30`, or a probe, `'#12'`.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What was wrong; told in the report.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be marked; change nothing.")] = False,
) -> None:
    """Mark what was measured since a time as invalid; nothing is deleted.

    The night goes back to where it stood, its claim is withdrawn, and `nightlab resume` measures anew. For example:

        nightlab invalidate results/friday --since '#12' --reason "the server answered for the base model"
    """
    from runner.invalidate import invalidate_night
    from runner.tables import marked_view, show_view

    marked = invalidate_night(folder, since, reason, _around(context), dry_run)
    show_view(marked_view(marked, dry_run))
    for problem in marked.problems:
        _say(f"MLflow was not told everything, `nightlab resume` tells it: {problem}")


@app.command()
def status(folder: SessionDir, as_json: Json = False) -> None:
    """Show where a session stands, from its ledger; also while it runs."""
    from runner.folder import SessionFolder, is_running, state_of
    from tracking.summary import summary

    place = SessionFolder(folder)
    night = place.load()
    state = "running" if is_running(place) else state_of(night)
    if as_json:
        _print_json({"folder": str(place.path), "state": state, **summary(night)})
        return
    from runner.tables import show_view, status_view

    show_view(status_view(place, night, state))


@app.command()
def report(
    folder: SessionDir,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing; compute every figure again and name those that differ.")
    ] = False,
) -> None:
    """Rebuild the report of a session from its ledger, or hold it against the ledger.

    With --verify a mismatch is named with its place and the ledger's value, and the exit code is 2.
    """
    from runner.folder import SessionFolder

    place = SessionFolder(folder)
    if verify:
        from runner.report.verify import verified_in_words, verify_report

        place.require_session()
        found = verify_report(place.path)
        print(verified_in_words(found, place.path))
        if found.mismatches:
            raise typer.Exit(2)
        return
    from runner.report.build import write_report
    from tracking.headline import headline

    night = place.load()
    write_report(place.path)
    print(place.path / "report.md")
    print(headline(night))


@app.command()
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

    probe = run_probe(load_session(session, settings or ()), seed, split, out, _around(context))
    if probe is None:
        raise typer.Exit(INTERRUPTED)
    outcome = probe.outcome
    if as_json:
        _print_json(probe_json(probe))
    elif outcome.status is ProbeStatus.COMPLETED:
        from runner.tables import scores_view, show_view

        show_view(scores_view(outcome, probe.request.weights))
    if outcome.status is not ProbeStatus.COMPLETED:
        _say(f"the probe {outcome.status}: {outcome.message}\n{outcome.log_tail}".rstrip())
        raise typer.Exit(UNEXPECTED)


@app.command()
def measure(
    context: typer.Context,
    session: SessionFile,
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER_DIR", help="A saved adapter.", show_default=False)],
    modes: Annotated[
        list[str] | None,
        typer.Option(
            "--mode", metavar="MODE", help="A serving mode; may be repeated. Default: all.", show_default=False
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, max=64, help="Answers per item.", show_default=False)
    ] = None,
    settings: Settings = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the answers.")] = 0,
    split: Annotated[Literal["search", "held_out"], typer.Option("--split", help="Which items are asked.")] = "search",
    as_json: Json = False,
) -> None:
    """Measure one adapter in each serving mode: on its base, merged, and merged into rounded weights.

    The first mode is what the others are held against. Refused where adapter and base do not fit. For example:

        nightlab measure my.toml results/friday/probes/0c2b99a42411e7e6/adapter --samples 8
    """
    from runner.measure import comparison_json, measure_adapter, modes_of
    from runner.overrides import load_session

    extra = [f"suite.samples={samples}"] if samples is not None else []
    config = load_session(session, [*(settings or ()), *extra])
    try:
        comparison = measure_adapter(config, adapter, modes_of(modes), seed, split, _around(context))
    except KeyboardInterrupt as error:
        _say("interrupted; nothing was kept")
        raise typer.Exit(INTERRUPTED) from error
    if as_json:
        _print_json(comparison_json(comparison, seed))
        return
    from runner.tables import comparison_view, show_view

    show_view(comparison_view(comparison))


@app.command()
def audit(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...", help="results.tsv, .csv, .jsonl, or one of our session folders.", show_default=False
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="COLUMN", help="The score's column.", show_default=False)
    ] = None,
    direction: Annotated[
        Literal["min", "max"] | None,
        typer.Option("--direction", help="Whether lower or higher is better.", show_default=False),
    ] = None,
    mlflow_uri: Annotated[
        str | None, typer.Option("--mlflow-uri", metavar="URI", help="An MLflow store to read.", show_default=False)
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", metavar="NAME", help="Its experiment.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Read another tool's results and say which of its wins survive its own noise.

    Repeats and rows that change only the seed give the noise; without any, it says so. For example:

        nightlab audit results.tsv --metric val_bpb --direction min
    """
    from runner.audit.audit import audit_mlflow, audit_path
    from runner.audit.nights import require_comparable_nights

    if (mlflow_uri is None) != (experiment is None) or not (files or mlflow_uri):
        from probes.errors import ConfigError

        raise ConfigError("`audit` needs a FILE, or `--mlflow-uri` together with `--experiment`; see `--help`")
    require_comparable_nights(files or ())
    audits = [audit_path(path, metric, direction) for path in files or ()]
    if mlflow_uri is not None and experiment is not None:
        audits.append(audit_mlflow(mlflow_uri, experiment, metric, direction))
    if as_json:
        _print_json([audit.model_dump(mode="json") for audit in audits])
        return
    from runner.audit.view import audit_view
    from runner.tables import show_view

    for number, audit in enumerate(audits):
        show_view([*([""] if number else []), *audit_view(audit)])


@app.command()
def ui(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A session folder; default: the store in results/.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Open the MLflow UI on the session's store, on this machine only; prints the link."""
    from runner.mlflow_ui import serve

    around = _around(context)
    serve(folder, port, around.console, around.environ)


def main(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> None:
    """Run the command line and exit; `around` stands in for this machine."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="nightlab", obj=around)
    except NightlabError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our failure, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(UNEXPECTED)
    except Exception as error:
        notes = getattr(error, "__notes__", [])
        if not notes:
            traceback.print_exc()
        _say("\n".join([f"unexpected {type(error).__name__}: {error}", *notes]))
        sys.exit(UNEXPECTED)


def _around(context: typer.Context) -> Surroundings:
    """Return the surroundings `main` was given, else this machine's."""
    from runner.surroundings import this_machine

    given: Surroundings | None = context.obj
    return given or this_machine(os.environ)


def _finish(end: NightEnd) -> None:
    """Print what a stretch of a night ended with, and exit as the contract says."""
    from tracking.headline import headline

    print(end.folder.path / "report.md")
    print(headline(end.night))
    stopped = end.night.stopped
    if stopped is not None and stopped.stop_reason == "interrupted":
        _say(f"interrupted; go on with `nightlab resume {end.folder.path}`")
        raise typer.Exit(INTERRUPTED)


def _refuse(problems: Sequence[str]) -> None:
    from probes.errors import ConfigError

    if problems:
        raise ConfigError("\n".join(problems))


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    print(f"nightlab: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
