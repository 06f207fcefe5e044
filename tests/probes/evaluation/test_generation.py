from collections.abc import Sequence

import pytest
import torch
from tiny_base import QUIET, tiny_recipe, tiny_rows

from probes.evaluation.generation import Answer, Question, generate
from probes.outcome import GenerationConfig
from probes.training.train import trained
from probes.warm_base import LoadedBase

pytestmark = [pytest.mark.filterwarnings(text) for text in QUIET]
SAMPLED = GenerationConfig(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=12)
QUESTIONS = [
    Question((1, 3, 40, 41, 42), (11, 12, 13)),
    Question((1, 3, 50), (21, 22, 23)),
    Question((1, 3, 60, 61, 62, 63, 64, 65), (31, 32, 33)),
]
STOPS = frozenset(range(100, 140))
"""So many that random answers end at many lengths."""


def ask(base: LoadedBase, questions: Sequence[Question], config: GenerationConfig = SAMPLED) -> list[list[Answer]]:
    return generate(base.model, questions, STOPS, 0, config)


def test_greedy_answers_are_those_of_transformers(base: LoadedBase) -> None:
    config = SAMPLED.model_copy(update={"temperature": 0.0})
    answers = ask(base, [Question(q.prompt, (0,)) for q in QUESTIONS], config)
    for question, (answer,) in zip(QUESTIONS, answers, strict=True):
        ids = torch.tensor([question.prompt])
        out = base.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=sorted(STOPS),
            pad_token_id=0,
        )
        expected = out[0, len(question.prompt) :].tolist()
        if answer.stop_reason == "stop":
            assert expected[-1] in STOPS
            expected = expected[:-1]
        assert list(answer.tokens) == expected


def test_answers_do_not_depend_on_batch_company_or_order(base: LoadedBase) -> None:
    together = ask(base, QUESTIONS)
    assert together == ask(base, QUESTIONS)
    assert together == list(reversed(ask(base, list(reversed(QUESTIONS)))))
    assert together == [ask(base, [question])[0] for question in QUESTIONS]
    assert together == ask(base, QUESTIONS, SAMPLED.model_copy(update={"batch_size": 4}))
    assert together == ask(base, QUESTIONS, SAMPLED.model_copy(update={"batch_size": 1}))


def test_seeds_give_different_answers_and_stops_are_reported(base: LoadedBase) -> None:
    answers = [answer for own in ask(base, QUESTIONS) for answer in own]
    assert len({answer.tokens for answer in answers}) == len(answers)
    assert {answer.stop_reason for answer in answers} == {"stop", "length"}
    for answer in answers:
        assert not STOPS & set(answer.tokens)
        assert (len(answer.tokens) == 12) == (answer.stop_reason == "length")


def test_a_longer_limit_only_continues_an_answer(base: LoadedBase) -> None:
    short = ask(base, QUESTIONS, SAMPLED.model_copy(update={"max_new_tokens": 4}))
    for own, own_long in zip(short, ask(base, QUESTIONS), strict=True):
        for answer, longer in zip(own, own_long, strict=True):
            assert longer.tokens[: len(answer.tokens)] == answer.tokens


def test_the_adapter_changes_the_answers_and_leaves_no_trace(
    base: LoadedBase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = ask(base, QUESTIONS)
    recipe = tiny_recipe(steps=30, learning_rate=2e-2)
    with trained(base.model, base.tokenizer, tiny_rows(), recipe, 1, tmp_path_factory.mktemp("t")) as result:
        adapted = generate(result.model, QUESTIONS, STOPS, 0, SAMPLED)
    assert adapted != before
    assert ask(base, QUESTIONS) == before
