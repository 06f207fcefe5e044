import pytest
from marking import mark, value

from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.match import normalize


def test_exact_takes_off_outer_space_and_nothing_else() -> None:
    assert value(" Paris\n", "exact", expected=["Paris"]) == 1.0
    assert value("Paris", "exact", expected=["London", " Paris "]) == 1.0
    assert value("paris", "exact", expected=["Paris"]) == 0.0
    assert value("Paris.", "exact", expected=["Paris"]) == 0.0
    assert value("It is Paris", "exact", expected=["Paris"]) == 0.0


@pytest.mark.parametrize("kind", ["exact", "normalized"])
def test_without_expected_texts_the_references_count_and_without_either_nothing_is_scored(kind: str) -> None:
    assert value(Exchange("Paris", references=("Paris", "Lutetia")), kind) == 1.0
    assert value(Exchange("Paris", references=("Paris",)), kind, expected=["Rome"]) == 0.0
    unscored = mark("Paris", kind)
    assert unscored.value is None
    assert "neither `expected` nor the item's `chosen`" in unscored.cause


def test_a_miss_shows_both_and_counts_the_other_chances() -> None:
    assert mark("Rome\nis", "exact", expected=["Paris"]).cause == "'Rome is' is not 'Paris'"
    assert mark("Rome", "normalized", expected=["Paris", "a", "b"]).cause == "'Rome' is not 'Paris' or 2 more"


# The first four are what SQuAD's own rule gives.
@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("The  Eiffel\tTower!", "eiffel tower"),
        ("an apple, a pear", "apple pear"),
        ("don't", "dont"),
        ("U.S.A.", "usa"),
        ("theatre", "theatre"),
        ("1,000", "1000"),
        ("$1,000.00", "1000.00"),
        ("(−5)", "-5"),
        ("ten-year", "tenyear"),
        ("ＡＢＣ １２", "abc 12"),
        ("STRASSE straße", "strasse strasse"),
        ("“Ça va ?”", "ça va"),
        ("ﬁn…", "fin"),
    ],
)
def test_normalising_gives(text: str, same: str) -> None:
    assert normalize(text) == same
    assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize(("one", "other"), [("1.5", "15"), ("-5", "5"), ("lamp", "lamps"), ("a", ""), ("!!!", "")])
def test_different_answers_stay_different(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)
    assert value(Exchange(other), "normalized", expected=[one]) == 0.0


def test_an_answer_of_nothing_but_articles_or_signs_can_still_be_right() -> None:
    assert value("The", "normalized", expected=["the"]) == 1.0
    assert value("?!", "normalized", expected=["?!"]) == 1.0
    assert value("?", "normalized", expected=["?!"]) == 0.0
