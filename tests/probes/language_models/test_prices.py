import pytest

from probes.language_models.model import Usage
from probes.language_models.prices import LISTED, Price, cost_usd, price_of

USAGE = Usage(input_tokens=1_000_000, output_tokens=100_000, cache_read_tokens=2_000_000, cache_write_tokens=500_000)


def test_a_cost_is_the_sum_of_what_was_reported() -> None:
    price = Price(input=3.0, output=15.0, cache_read=0.3, cache_write=3.75)
    assert cost_usd(USAGE, price) == pytest.approx(3.0 + 1.5 + 0.6 + 1.875)
    assert cost_usd(USAGE, Price(input=3.0, output=15.0)) == pytest.approx(3.0 + 1.5 + 6.0 + 1.5)


def test_unknown_is_none_and_never_0() -> None:
    assert cost_usd(None, Price(input=1.0, output=1.0)) is None
    assert cost_usd(USAGE, price_of("my-own-model")) is None
    assert cost_usd(USAGE, price_of("my-own-model", {"my-own-model": Price(input=0, output=0)})) == 0.0


@pytest.mark.parametrize("name", ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5-latest"])
def test_a_date_does_not_change_the_price(name: str) -> None:
    assert price_of(name) == LISTED["claude-sonnet-4-5"]


@pytest.mark.parametrize("name", ["gpt-5-nano", "gpt-5.9", "claude-opus-4", "claude-opus-4-51", "gpt-5-2"])
def test_the_price_of_one_model_is_not_that_of_another_with_a_longer_name(name: str) -> None:
    assert price_of(name) is None


def test_a_dated_name_in_the_session_comes_before_the_name_without_its_date() -> None:
    dated = Price(input=9.0, output=90.0)
    mine = {"gpt-5": Price(input=1.0, output=10.0), "gpt-5-2025-08-07": dated}
    assert price_of("gpt-5-2025-08-07", mine) == dated
    assert price_of("gpt-5-2025-09-01", mine) == mine["gpt-5"]


def test_the_session_comes_before_the_list() -> None:
    mine = Price(input=9.0, output=9.0)
    assert price_of("gpt-5", {"gpt-5": mine}) == mine
    assert price_of("gpt-5-mini", {"gpt-5": mine}) == LISTED["gpt-5-mini"]
