import json
from pathlib import Path

import pytest
from fakes_judge import judging
from fakes_model import ScriptedModel, reply
from tiny_base import QUIET, answering, tiny_recipe, tiny_request, tiny_rows

from probes.errors import LaunchError
from probes.evaluation.aids import ProbeAids
from probes.evaluation.backends.backend import Response
from probes.evaluation.evaluate import evaluate, is_answered, score_responses, summarize
from probes.evaluation.judging.config import JudgeConfig
from probes.evaluation.judging.judge import Judge
from probes.evaluation.sampling import sample_seed
from probes.evaluation.scorers.exchange import StopReason, ToolCall
from probes.evaluation.scorers.scorer import Scorer
from probes.evaluation.suite import Item, read_suite
from probes.outcome import SampleScore
from probes.training.train import trained
from probes.warm_base import LoadedBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_answer_is_kept_with_its_seed_and_scored(base: LoadedBase, tiny_base: Path, tmp_path: Path) -> None:
    request = tiny_request(tiny_base, tmp_path / "probe")
    items = read_suite([request.suite.path])
    scores = evaluate(answering(base, request), items, request, tmp_path).items
    responses, samples = read(tmp_path / "responses.jsonl"), read(tmp_path / "scores.jsonl")
    assert [(r["item"], r["sample"]) for r in responses] == [(i.id, s) for i in items for s in range(2)]
    assert [r["seed"] for r in responses] == [sample_seed(3, i.id, s) for i in items for s in range(2)]
    assert {r["stop_reason"] for r in responses} <= {"stop", "length"}
    assert [SampleScore.model_validate(s).score for s in samples] == [x for item in scores for x in item.scores]
    assert [(item.item, item.category, len(item.scores)) for item in scores] == [(i.id, i.category, 2) for i in items]


def test_the_same_seed_gives_the_same_scores_and_texts(base: LoadedBase, tiny_base: Path, tmp_path: Path) -> None:
    request = tiny_request(tiny_base, tmp_path / "probe")
    items = read_suite([request.suite.path])
    runs: list[tuple[object, bytes]] = []
    for _ in range(2):
        with trained(base.model, base.tokenizer, tiny_rows(), tiny_recipe(), 3, tmp_path) as result:
            scores = evaluate(answering(base, request, result.model), items, request, tmp_path)
        runs.append((scores, (tmp_path / "responses.jsonl").read_bytes()))
    assert runs[0] == runs[1]


def test_the_system_prompt_reaches_the_model(base: LoadedBase, tiny_base: Path, tmp_path: Path) -> None:
    plain = tiny_request(tiny_base, tmp_path / "probe")
    prompted = plain.model_copy(update={"recipe": plain.recipe.replace(system_prompt="Be a keeper of the lamp.")})
    items = read_suite([plain.suite.path])
    texts: list[bytes] = []
    for request in (plain, prompted):
        evaluate(answering(base, request), items, request, tmp_path)
        texts.append((tmp_path / "responses.jsonl").read_bytes())
    assert texts[0] != texts[1]


def test_unscored_samples_stay_missing_and_critical_answers_are_counted(tiny_base: Path, tmp_path: Path) -> None:
    items = read_suite([tiny_request(tiny_base, tmp_path / "probe").suite.path])[:1]
    samples = [
        SampleScore(item="i0", category="tide", sample=n, seed=n, score=score, critical_failures=critical)
        for n, (score, critical) in enumerate([(4.0, ("a", "b")), (None, ()), (8.0, ())])
    ]
    (summary,) = summarize(items, samples)
    assert summary.scores == (4.0, None, 8.0)
    assert summary.mean == 6.0
    assert summary.critical_failures == 1


CALL = ToolCall(name="look", arguments={})


@pytest.mark.parametrize(
    ("text", "stop_reason", "calls", "answered"),
    [
        ("Wrong.", "stop", (), True),
        ("Cut o", "length", (), True),
        ("", "stop", (CALL,), True),
        (" \n", "stop", (), False),
        ("connection refused", "error", (), False),
    ],
)
def test_an_answer_is_text_or_a_call_whatever_it_scores_and_a_failure_is_none(
    text: str, stop_reason: StopReason, calls: tuple[ToolCall, ...], answered: bool
) -> None:
    assert is_answered(Response("i0", 0, 1, text, stop_reason, calls)) is answered


def test_answered_samples_are_counted_per_item(tiny_base: Path, tmp_path: Path) -> None:
    items = read_suite([tiny_request(tiny_base, tmp_path / "probe").suite.path])[:1]
    samples = [
        SampleScore(item="i0", category="tide", sample=n, seed=n, score=0.0, answered=answered)
        for n, answered in enumerate([True, False, True])
    ]
    (summary,) = summarize(items, samples)
    assert summary.answered == 2


CALLS = Scorer.model_validate(
    {
        "components": [
            {"kind": "tool_calls", "weight": 1.0, "form": "structured", "expected": [{"name": "look", "arguments": {}}]}
        ]
    }
)
AS_TEXT = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'


def test_calls_as_text_are_the_servers_doing_unless_it_parsed_another_of_the_category() -> None:
    items = [
        Item(id=name, category=category, messages=(), scorer=CALLS)
        for name, category in (("a", "one"), ("b", "one"), ("c", "two"))
    ]
    responses = [
        Response("a", 0, 0, "", "stop", (CALL,)),
        Response("b", 0, 0, AS_TEXT, "stop"),
        Response("c", 0, 0, AS_TEXT, "stop"),
    ]
    assert [score.score for score in score_responses(items, responses)] == [10.0, 0.0, None]


def judged_items(count: int = 20) -> tuple[list[Item], list[Response]]:
    """Return items, every other one judged, and one answer to each."""
    kinds: list[dict[str, object]] = [
        {"kind": "judge", "weight": 1.0},
        {"kind": "opening", "weight": 1.0, "any": ["1"]},
    ]
    items = [
        Item(id=f"i{n}", category="tide", messages=(), scorer=Scorer.model_validate({"components": [kinds[n % 2]]}))
        for n in range(count)
    ]
    return items, [Response(item.id, 0, 0, str(n), "stop") for n, item in enumerate(items)]


def test_judged_answers_are_scored_side_by_side_in_the_order_of_the_responses(tmp_path: Path) -> None:
    items, responses = judged_items()
    aids = judging({str(n): n / 2 for n in range(20)}, file=tmp_path / "j.jsonl")
    alone, together = (score_responses(items, responses, aids, parallel) for parallel in (1, 8))
    assert alone == together
    assert [score.score for score in together[::2]] == [pytest.approx(n / 2) for n in range(0, 20, 2)]
    lines = read(tmp_path / "j.jsonl")
    assert sorted(str(line["item"]) for line in lines) == sorted(2 * [item.id for item in items[::2]])


def test_a_judge_that_cannot_be_asked_ends_the_scoring_at_once(tmp_path: Path) -> None:
    items, responses = judged_items(count=2000)
    model = ScriptedModel([reply("no verdict"), LaunchError("the key was withdrawn")])
    judge = Judge(model, JudgeConfig(provider="openai", model="m"), tmp_path / "j.jsonl")
    with pytest.raises(LaunchError, match="withdrawn"):
        score_responses(items, responses, ProbeAids(judge=judge), parallel=2)
    assert len(model.asked) < 1000
