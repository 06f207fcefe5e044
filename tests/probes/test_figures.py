"""What a sentence says of a probability is true of the digits it shows."""

from __future__ import annotations

import pytest

from probes.figures import Kind, show, show_chance


@pytest.mark.parametrize(
    ("value", "bound", "shown"),
    [
        (0.93, None, "P = 0.93"),
        (0.9973, None, "P > 0.99"),
        (0.0004, 0.25, "P < 0.01"),
        (0.2463, 0.25, "P = 0.246"),
        (0.24999, 0.25, "P = 0.24999"),
        (0.6004, 0.6, "P = 0.6004"),
        (0.25, 0.25, "P = 0.25"),
        (0.002, 0.005, "P = 0.002"),
        (0.997, 0.995, "P = 0.997"),
    ],
)
def test_a_probability_shows_on_which_side_of_its_bound_it_lies(value: float, bound: float | None, shown: str) -> None:
    assert show_chance("P", value, bound) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.0501, "p = 0.0501"), (0.2, "p = 0.200"), (1e-9, "p < 0.001")])
def test_a_p_value_shows_on_which_side_of_its_level_it_lies(value: float, shown: str) -> None:
    assert show_chance("p", value, 0.05, "p_value") == shown


@pytest.mark.parametrize("kind", ["probability", "p_value"])
def test_a_sentence_writes_a_probability_as_a_table_does(kind: Kind) -> None:
    for value in (0.0003, 0.004, 0.5, 0.956, 0.9961):
        assert show_chance("P", value, kind=kind).replace(" = ", " ").replace("< ", "<").replace("> ", ">") == (
            f"P {show(value, kind)}"
        )
