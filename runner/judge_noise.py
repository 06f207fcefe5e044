"""How far a session's judge repeats itself, and how biased its own overall is, on the answers of a finished probe.

    python -m runner.judge_noise SESSION.toml PROBE_DIR [--repeats 5] [--answers 40]

Nothing is trained and nothing answered anew: the answers in `responses.jsonl` are judged several times by the judge of
`[judge]`. Judgements and figures go to `PROBE_DIR/judge_noise/`. It costs what so many judgements cost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from probes.errors import ConfigError, DataError, NightlabError
from probes.evaluation.evaluate import exchange_of
from probes.evaluation.judging.bias import BiasAudit, BiasGroup, audit_bias, bias_rows
from probes.evaluation.judging.judge import Judge, open_judge
from probes.evaluation.judging.noise import RepeatReport, repeat_noise
from probes.evaluation.judging.rubric import Rubric
from probes.evaluation.judging.usage import Judgement, JudgeUsage
from probes.evaluation.responses import read_responses
from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.judge import Judged
from probes.evaluation.suite import read_suite
from probes.execution import REQUEST_NAME
from probes.request import ProbeRequest
from runner.overrides import load_session
from runner.tables import View, show_view
from tracking.figures import show, show_interval

FOLDER = "judge_noise"


class Question(NamedTuple):
    """One answer and the rubric it is judged by."""

    rubric: Rubric
    exchange: Exchange


def questions(probe: Path, judge: Judge, most: int) -> list[Question]:
    """Return the judged answers of a finished probe, spread evenly over its items, `most` of them.

    Raises:
        DataError: the folder is no finished probe's, or nothing in its suite is judged.
    """
    try:
        request = ProbeRequest.model_validate_json((probe / REQUEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"`{probe}` is no probe's folder ({error}); name one under `probes/` of a session") from error
    items = {item.id: item for item in read_suite([request.suite.path])}
    found: list[Question] = []
    for response in sorted(read_responses(probe), key=lambda response: response.sample):
        item = items[response.item]
        for part in item.scorer.components:
            rubric = part.rubric_of(judge) if isinstance(part, Judged) else None
            if rubric is not None and response.stop_reason != "error":
                found.append(Question(rubric, exchange_of(item, response, None)))
    if not found:
        raise DataError(f"no answer in `{probe}` is judged: its items need a scorer of kind `judge`")
    return found[:most]


def repeated(judge: Judge, asked: Sequence[Question], repeats: int, parallel: int) -> list[list[Judgement]]:
    """Return the judgements of each question. The first is asked alone, so that the others find its rubric cached."""

    def ask(question: Question) -> Judgement:
        return judge.judge(question.rubric, question.exchange)

    first, *rest = [question for _ in range(repeats) for question in asked]
    judgements = [ask(first)]
    with ThreadPoolExecutor(parallel) as pool:
        judgements += pool.map(ask, rest)
    return [judgements[n :: len(asked)] for n in range(len(asked))]


def view(noise: RepeatReport, bias: BiasAudit, usage: JudgeUsage) -> View:
    """Return what is printed."""
    table = Table("score", "sd", "90 %", "of a mean of all", "equal", "widest", "answers")
    for row in noise.metrics:
        of_mean = row.sd_of_mean(row.answers) if row.answers else None
        table.add_row(
            row.metric,
            show(row.sd, "score"),
            show_interval(row.interval, "score"),
            show(of_mean, "score"),
            show(row.agreed, "share"),
            show(row.widest, "score"),
            show(row.answers, "count"),
        )
    audit = Table("the judge's own overall minus the weighted one", "verdicts", "mean", "90 %")
    named: dict[str, BiasGroup] = {"with": bias.with_critical, "without": bias.without_critical}
    for words, group in named.items():
        mean, interval = show(group.mean, "effect"), show_interval(group.interval)
        audit.add_row(f"{words} critical failures", show(group.verdicts, "count"), mean, interval)
    difference = show_interval(bias.difference_interval)
    audit.add_row("difference", "", show(bias.difference, "effect"), difference)
    cost = "unknown" if usage.cost_usd is None else show(usage.cost_usd, "usd")
    said = (
        f"{noise.answers} answers, each judged {noise.repeats} times by {', '.join(usage.models) or 'nobody'}; "
        f"{noise.unscored} judgements without a verdict; the same critical failures on "
        f"{show(noise.critical_agreed, 'share')} of the answers; {usage.calls} calls, cost {cost}"
    )
    return [table, audit, said, *(f"warning: {warning}" for warning in usage.warnings)]


def main(
    session: Annotated[Path, typer.Argument(help="Session file with a `[judge]`.")],
    probe: Annotated[Path, typer.Argument(help="Folder of a finished probe.")],
    repeats: Annotated[int, typer.Option(min=2, help="Judgements of each answer.")] = 5,
    answers: Annotated[int, typer.Option(min=1, help="Most answers.")] = 40,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key of the session.")] = None,
) -> None:
    """Measure a judge's repeat noise and the bias of its own overall."""
    try:
        config = load_session(session, settings or ()).judge
        if config is None:
            raise ConfigError(f"`{session}` has no judge; add a `[judge]` section with `provider` and `model`")
        folder = probe / FOLDER
        if not probe.is_dir():
            raise DataError(f"`{probe}` is no folder; name one under `probes/` of a session")
        folder.mkdir(exist_ok=True)
        with closing(open_judge(config, os.environ, folder)) as judge:
            groups = repeated(judge, questions(probe, judge, answers), repeats, config.parallel)
            usage = judge.usage()
    except NightlabError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(error.exit_code) from error
    noise = repeat_noise(groups)
    # One judgement of each answer: repeats of the same answer are not independent.
    bias = audit_bias(*bias_rows(group[0] for group in groups))
    figures = {"judge": config.words, "noise": noise, "bias": bias, "usage": usage}
    rows = {name: value if isinstance(value, str) else value.model_dump(mode="json") for name, value in figures.items()}
    (folder / "noise.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    show_view(view(noise, bias, usage))


if __name__ == "__main__":
    typer.run(main)
