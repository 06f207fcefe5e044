import random

import pytest
from marking import component, mark, value
from pydantic import ValidationError

from probes.evaluation.scorers.exchange import Mark
from probes.evaluation.scorers.repetition import repeated_characters, repeated_words

PROSE = (
    "The harbour lamp was lit at dusk, and the old keeper counted the boats as they came home. Two were late. He did "
    "not worry, for the wind had gone round to the south, and the sea lay flat as slate beneath it. By nine he had "
    "seen the last of them, and he turned the page of his book and let the fire burn low."
)


def test_the_share_of_words_is_that_of_welleck() -> None:
    assert repeated_words("a b c d a b c d", 4) == (pytest.approx(1 - 4 / 5), "a b c d")
    assert repeated_words("a b a b a b", 2) == (pytest.approx(1 - 2 / 5), "a b")
    assert repeated_words("a b c d e f g", 4)[0] == 0.0
    assert repeated_words("a b c d", 4)[0] == repeated_words("", 4)[0] == 0.0


def test_the_share_of_characters_leaves_the_first_time_out() -> None:
    assert repeated_characters("ab" * 10) == (pytest.approx(18 / 20), "ab")
    assert repeated_characters("x" * 100)[0] == pytest.approx(0.99)
    assert repeated_characters("abcdefghijkl" + "-" * 8)[0] == pytest.approx(7 / 20)
    assert repeated_characters("...")[0] == 0.0
    assert repeated_characters(" " * 500 + "a lamp on the quay")[0] == 0.0


def test_prose_keeps_full_marks_and_the_order_of_words_does_not_matter_to_it() -> None:
    assert mark(PROSE, "repetition") == Mark(1.0, "")
    words = PROSE.split()
    random.Random(0).shuffle(words)
    assert value(" ".join(words), "repetition") == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "a" * 400,
        "no\n" * 50,
        "!?" * 60,
        "I do not know. " * 12,
        PROSE + " and then" * 80,
        "我不知道" * 20,
        "The lamp is lit and all is well. \n" * 6,
        "ha" * 30,
    ],
)
def test_a_loop_leaves_nothing_and_is_shown(answer: str) -> None:
    found = mark(answer, "repetition")
    assert found.value == 0.0
    assert "is repeated, most of all '" in found.cause


def test_the_value_falls_straight_from_allowed_to_ruined_and_never_rises_with_more_repetition() -> None:
    values = [value(PROSE + " and so on it went again" * times, "repetition") for times in range(20)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert values[-1] == 0.0
    half = "a b c d a b c d"
    assert value(half, "repetition") == pytest.approx((0.5 - 0.2) / (0.5 - 0.1))
    assert value(half, "repetition", allowed=0.21) == 1.0
    assert value(half, "repetition", ruined=0.19) == 0.0


def test_a_rule_in_a_table_costs_nothing() -> None:
    table = "| boat | hour | master | from |\n|------|------|--------|------|\n| Anna | 5 | Brown | north |\n" + PROSE
    assert value(table, "repetition") == 1.0


def test_crossed_limits_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"`allowed` must be below `ruined`, got 0\.5 and 0\.2"):
        component("repetition", allowed=0.5, ruined=0.2)
