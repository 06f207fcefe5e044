import json
from pathlib import Path

import pytest
import tomli_w
from fakes_llm_server import LLMServer, Step
from judged_probe import judged_probe, verdict_text
from tiny_base import QUIET
from tiny_base import tiny_base as tiny_base
from typer import Typer
from typer.testing import CliRunner

from runner.judge_noise import main

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]
SESSION = Path(__file__).parents[2] / "runner" / "sessions" / "miniature.toml"


def run(*arguments: object) -> tuple[int, str]:
    app = Typer()
    app.command()(main)
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return found.exit_code, found.output


def test_a_finished_probes_answers_are_judged_again_and_the_noise_is_what_the_judge_did(
    tiny_base: Path, tmp_path: Path
) -> None:
    with LLMServer([Step(verdict_text(6))]) as server:
        judged_probe(server, "openai", tiny_base, tmp_path / "probe")
        # Four answers, two judgements each: the second round is two points above the first.
        rounds = [verdict_text(score, score - 0.5, ("fabrication",)) for score in (4, 6)]
        server.play(*(Step(text) for text in rounds for _ in range(4)))
        table = server.judge_config("openai", parallel=1).model_dump(mode="json", exclude_none=True)
        session = tmp_path / "session.toml"
        session.write_text(
            SESSION.read_text(encoding="utf-8") + "\n" + tomli_w.dumps({"judge": table}), encoding="utf-8"
        )
        code, output = run(session, tmp_path / "probe", "--repeats", 2)
    assert code == 0, output
    figures = json.loads((tmp_path / "probe" / "judge_noise" / "noise.json").read_text(encoding="utf-8"))
    overall = figures["noise"]["metrics"][0]
    assert overall["sd"] == pytest.approx(2**0.5)
    assert (overall["answers"], overall["agreed"], overall["widest"]) == (4, 0.0, 2.0)
    assert figures["bias"]["with_critical"] | {"interval": None} == {"verdicts": 4, "mean": -0.5, "interval": None}
    assert figures["usage"]["calls"] == 8
    assert "4 answers, each judged 2 times by fake-judge-20260101" in output


def test_what_is_missing_is_named_with_the_cure(tmp_path: Path) -> None:
    code, output = run(SESSION, tmp_path)
    assert (code, "add a `[judge]` section" in output) == (2, True)
    judge = (
        "--set",
        "judge.provider=openai",
        "--set",
        "judge.model=m",
        "--set",
        "judge.base_url=http://127.0.0.1:1/v1",
    )
    code, output = run(SESSION, tmp_path / "nowhere", *judge)
    assert (code, "is no folder" in output) == (2, True)
    code, output = run(SESSION, tmp_path, *judge)
    assert (code, "is no probe's folder" in output) == (2, True)
