from __future__ import annotations

import pytest
from fakes_data import a_row

from probes.data.contrast import contractions_per_answer, count_contractions, generator_shares, on_policy_share
from probes.data.rows import Row


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("I don't know, it's late and we'll go; you've won.", 4),
        ("I don’t know; That’s all.", 2),
        ("Anna's letter, the soldiers' tents, 'tis the king's.", 0),
        ("They'd say I'm late. Can't you?", 3),
        ("", 0),
    ],
)
def test_contractions_are_counted_and_possessives_are_not(text: str, count: int) -> None:
    assert count_contractions(text) == count


def test_contrast_is_per_answer_and_missing_without_answers() -> None:
    rows = [Row((), "I do not.", "I don't, it's so.", {}, "f", 1), Row((), "No.", "No.", {}, "f", 2)]
    assert contractions_per_answer(rows) == (2, 0.0, 1.0)
    assert contractions_per_answer([Row((), "I don't.", None, {}, "f", 1)]) == (1, 1.0, None)
    assert contractions_per_answer([]) == (0, None, None)


def test_generators_are_shared_out_with_the_unknown_ones_shown() -> None:
    rows = [a_row(i, generator=name) for i, name in enumerate(["base", "base", "own"])] + [a_row(9)]
    assert generator_shares(rows) == {"base": 0.5, "(none)": 0.25, "own": 0.25}
    assert on_policy_share(rows, {"own"}) == pytest.approx(1 / 3)
    assert on_policy_share([a_row()], {"own"}) is None
