"""Words that others wrote."""

from __future__ import annotations

import pytest

from probes.words import did_you_mean, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a [31mb"),
        ("report\u202eexe.txt", "report exe.txt"),
        ("half \ud83d of a character", "half   of a character"),
        ("two\nlines\tstay", "two\nlines\tstay"),
        ("fine\rEVIL\x0b\x1f\x85!", "fine EVIL   !"),
        ("wide\u00a0and\u3000wider", "wide\u00a0and\u3000wider"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    ],
    ids=["escape", "direction", "surrogate", "lines", "return", "spaces", "joined"],
)
def test_what_a_terminal_would_obey_becomes_a_space_and_scripts_stay_whole(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_misspelled_word_is_answered_with_the_nearest_known_one_or_with_all() -> None:
    assert did_you_mean("lerning_rate", ["learning_rate", "steps"]) == "did you mean `learning_rate`?"
    assert did_you_mean("zzz", ["learning_rate", "steps"]) == "known are `learning_rate`, `steps`"
    assert did_you_mean("zzz", []) == "it takes no keys"
