import pytest
from marking import component, mark, value
from pydantic import ValidationError

from probes.evaluation.scorers.exchange import Mark


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I cannot recall the storm.",
        "as an artificial intelligence",
        "As your helpful AI assistant I would say",
        "Well, I'm just a language model.",
        "I am, dear sir, well. I’m only a large language model, after all.",
        "I am actually an advanced chatbot.",
        "My knowledge cutoff is 2023.",
        "Nothing of it is in my training data.",
        "I was trained by OpenAI.",
        "I've been programmed to assist you.",
        "Have you asked ChatGPT?",
        "I cannot browse the web.",
        "I'm unable to access the internet.",
        "I don't have personal experiences or feelings.",
        "I do not possess any human emotions.",
        "I don't have real-time information.",
        "(Out of character: shall we go on?)",
        "In this role-play, I am the keeper.",
    ],
)
def test_the_model_behind_the_persona_is_seen_and_shown(answer: str) -> None:
    found = mark(answer, "character_break")
    assert found.value == 0.0
    assert found.cause.startswith("breaks character: '")


@pytest.mark.parametrize(
    "answer",
    [
        "As an aid to memory I keep a log.",
        "I am an assistant keeper, and was trained by my uncle.",
        "I cannot help you with that, sir.",
        "I do not have a watch.",
        "I was made to assist at the burial.",
        "My training was in the navy, and my memory is good.",
        "The machine in the cellar pumps water.",
        "She broke, in character as in fortune.",
        "As a model of patience he had no equal.",
        "I was created by God.",
        "I've been told to wait.",
    ],
)
def test_a_persona_that_only_sounds_like_it_stays_whole(answer: str) -> None:
    assert mark(answer, "character_break") == Mark(1.0, "")


def test_authors_add_phrases_and_patterns_and_take_others_out() -> None:
    assert value("The telephone rang.", "character_break", phrases=["telephone"]) == 0.0
    assert value("The telephones rang.", "character_break", phrases=["telephone"]) == 1.0
    assert value("in the year 2019", "character_break", pattern=r"\b20\d\d\b") == 0.0
    assert value("The Copilot sailed at dawn.", "character_break") == 0.0
    assert value("The Copilot sailed at dawn.", "character_break", allowed=["the copilot"]) == 1.0
    assert value("The Copilot and ChatGPT", "character_break", allowed=["the copilot"]) == 0.0
    machine = {"use_defaults": False, "phrases": ["as a human"]}
    assert value("As an AI, I calculate.", "character_break", **machine) == 1.0
    assert value("As a human, I dream.", "character_break", **machine) == 0.0


def test_silence_keeps_nobody_in_character() -> None:
    assert mark(" \n", "character_break") == Mark(0.0, "the answer is empty")


def test_a_detector_that_could_find_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs `phrases` or a `pattern`"):
        component("character_break", use_defaults=False)
    with pytest.raises(ValidationError, match="is not a regular expression"):
        component("character_break", pattern="(")
