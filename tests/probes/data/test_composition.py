from __future__ import annotations

from fakes_data import a_row

from probes.data.composition import composition, composition_warnings
from probes.data.mix import apply_mix
from probes.data.rows import Row
from probes.recipe import DataMix, MixRule


def rows_of(**counts: int) -> list[Row]:
    """Rows per category; the category `none` stands for no tag."""
    names = [name for name, count in counts.items() for _ in range(count)]
    return [a_row(i, **({} if name == "none" else {"category": name})) for i, name in enumerate(names)]


def test_composition_counts_every_value_and_the_missing_ones() -> None:
    assert composition(rows_of(a=2, b=5, none=3)) == {"category": {"b": 5, "(none)": 3, "a": 2}}
    assert composition([]) == {}


def test_rows_with_several_values_count_for_each() -> None:
    rows = [a_row(0, topic="mill | river"), a_row(1, topic="mill")]
    assert composition(rows) == {"topic": {"mill": 2, "river": 1}}


def test_ids_and_free_values_are_no_grouping_however_often_rows_repeat() -> None:
    rows = [a_row(i, id="same", pair_id=str(i % 2), words=str(i), theme=str(i % 12)) for i in range(60)]
    assert list(composition(rows)) == ["theme"]
    assert list(composition(rows * 10)) == ["theme"]


def test_an_oversample_that_dilutes_a_category_is_warned_about() -> None:
    rows = rows_of(facts=20, voice=20, letters=20)
    doubled = apply_mix(rows, DataMix(rules=(MixRule(name="f", tags={"category": ("facts",)}, repeat=2),)), 0)
    assert composition_warnings(rows, doubled, ["voice"]) == ()  # 33 % → 25 %: exactly three quarters
    tripled = apply_mix(rows, DataMix(rules=(MixRule(name="f", tags={"category": ("facts",)}, repeat=3),)), 0)
    warnings = composition_warnings(rows, tripled, ["voice"])
    assert len(warnings) == 2
    assert "`voice` is diluted: 20.0% of the mix against 33.3%" in "".join(warnings)


def test_one_dominant_value_is_warned_about() -> None:
    assert composition_warnings(rows_of(a=75, b=25), rows_of(a=75, b=25), []) == ()
    (warning,) = composition_warnings(rows_of(a=76, b=24), rows_of(a=76, b=24), [])
    assert warning == "76% of the training rows have `category` = `a`: one value dominates"
    (warning,) = composition_warnings(rows_of(a=1, none=9), rows_of(a=1, none=9), [])
    assert "90% of the training rows have no `category` tag" in warning


def test_a_guard_without_training_rows_is_warned_about() -> None:
    rows = rows_of(a=10, b=10, c=10)
    (warning,) = composition_warnings(rows, rows, ["A", "jailbreak"])
    assert "`jailbreak` has no training rows" in warning
    dropped = apply_mix(rows, DataMix(rules=(MixRule(name="b", tags={"category": ("b",)}, weight=0.0),)), 0)
    warnings = composition_warnings(rows, dropped, ["b"])
    assert "`b` has no training rows left: the data mix drops them all" in warnings[0]


def test_data_without_categories_says_so_once() -> None:
    (warning,) = composition_warnings(rows_of(none=5), rows_of(none=5), ["a", "b"])
    assert "no training row has a `category` tag" in warning
