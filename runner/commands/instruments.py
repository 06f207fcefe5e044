"""Instruments: measure one adapter in several ways, audit what other tools claim."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from probes.errors import ConfigError
from runner.commands.options import INSTRUMENTS, INTERRUPTED, Json, SessionFile, Settings, print_json, say, surroundings

instruments_app = typer.Typer()


@instruments_app.command(rich_help_panel=INSTRUMENTS)
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
        comparison = measure_adapter(config, adapter, modes_of(modes), seed, split, surroundings(context))
    except KeyboardInterrupt as error:
        say("interrupted; nothing was kept")
        raise typer.Exit(INTERRUPTED) from error
    if as_json:
        print_json(comparison_json(comparison, seed))
        return
    from runner.probe_view import comparison_view
    from runner.tables import show_view

    show_view(comparison_view(comparison))


@instruments_app.command(rich_help_panel=INSTRUMENTS)
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
        raise ConfigError("`audit` needs a FILE, or `--mlflow-uri` together with `--experiment`; see `--help`")
    require_comparable_nights(files or ())
    audits = [audit_path(path, metric, direction) for path in files or ()]
    if mlflow_uri is not None and experiment is not None:
        audits.append(audit_mlflow(mlflow_uri, experiment, metric, direction))
    if as_json:
        print_json([audit.model_dump(mode="json") for audit in audits])
        return
    from runner.audit.view import audit_view
    from runner.tables import show_view

    for number, audit in enumerate(audits):
        show_view([*([""] if number else []), *audit_view(audit)])
