from collections.abc import Sequence
from math import log

import pytest

from probes.errors import MeasurementError
from probes.evaluation.canary import (
    canary_prompts,
    compare_base,
    compare_in_process,
    compare_served,
    require_adapter,
    require_base,
)

BASE = [[log(p) for p in (0.7, 0.2, 0.1)], [log(p) for p in (0.5, 0.3, 0.2)]]
ADAPTER = [[log(p) for p in (0.1, 0.2, 0.7)], [log(p) for p in (0.5, 0.2, 0.3)]]
THIRD = [[log(p) for p in (0.3, 0.5, 0.2)], [log(p) for p in (0.1, 0.8, 0.1)]]


def said(rows: Sequence[Sequence[float]], off: float = 0.0) -> list[dict[int, float]]:
    return [{token: value + off for token, value in enumerate(row)} for row in rows]


@pytest.mark.parametrize(
    ("served", "closest"),
    [(said(ADAPTER), "adapter"), (said(ADAPTER, 0.001), "adapter"), (said(BASE), "base"), (said(THIRD), "neither")],
)
def test_whose_answers_a_server_gives_is_told(served: list[dict[int, float]], closest: str) -> None:
    canary = compare_served("it", served, ADAPTER, BASE, said(BASE, 0.0005))
    assert canary.closest == closest
    assert canary.numerics == pytest.approx(0.0005)
    if closest == "adapter":
        assert require_adapter(canary, "the server") == canary
    else:
        with pytest.raises(MeasurementError, match="nothing was scored"):
            require_adapter(canary, "the server")


def test_the_message_names_server_asked_name_who_answered_and_the_cure() -> None:
    canary = compare_served("nightlab-abc", said(BASE), ADAPTER, BASE, said(BASE))
    with pytest.raises(MeasurementError) as refusal:
        require_adapter(canary, "the server at http://127.0.0.1:8000")
    text = str(refusal.value)
    for part in ("http://127.0.0.1:8000", "`nightlab-abc`", "the base answered", "2 prompts", "--enable-lora"):
        assert part in text


def test_swapping_adapter_and_base_swaps_the_answer() -> None:
    for rows, one, other in ((ADAPTER, "adapter", "base"), (BASE, "base", "adapter")):
        assert compare_served("it", said(rows), ADAPTER, BASE, said(BASE)).closest == one
        assert compare_served("it", said(rows), BASE, ADAPTER, said(ADAPTER)).closest == other


def test_a_server_on_another_base_is_refused_whatever_it_says_of_the_adapter() -> None:
    canary = compare_served("it", said(ADAPTER), ADAPTER, BASE, said(THIRD))
    with pytest.raises(MeasurementError, match="serves another base model"):
        require_adapter(canary, "the server")


def test_an_effect_below_the_numerics_is_unclear_and_no_failure() -> None:
    slight = [[value + 1e-4 for value in row] for row in BASE]
    canary = compare_served("it", said(BASE, 0.002), slight, BASE, said(BASE, 0.002))
    assert canary.closest == "unclear"
    require_adapter(canary, "the server")


def test_a_merged_model_is_told_from_its_base_without_the_servers_own() -> None:
    assert compare_served("base", said(ADAPTER, 0.01), ADAPTER, BASE).closest == "adapter"
    assert compare_served("base", said(BASE, 0.01), ADAPTER, BASE).closest == "base"


def test_in_process_one_difference_is_enough_and_none_is_refused() -> None:
    canary = compare_in_process("it", [ADAPTER[0], BASE[1]], BASE)
    assert (canary.closest, canary.prompts, canary.differing) == ("adapter", 2, 1)
    assert canary.largest_difference == pytest.approx(log(7))
    with pytest.raises(MeasurementError, match="the adapter does nothing"):
        require_adapter(compare_in_process("it", BASE, BASE), "the model in this process")


def test_the_base_alone_must_be_the_sessions_base() -> None:
    require_base(compare_base("base", said(BASE, 0.05), BASE), "the server")
    with pytest.raises(MeasurementError, match="another model than the session's base"):
        require_base(compare_base("base", said(THIRD), BASE), "the server")


def test_prompts_are_spread_over_the_suite() -> None:
    assert canary_prompts([[n] for n in range(12)]) == [(0,), (3,), (6,), (9,)]
    assert canary_prompts([[5]]) == [(5,)]
