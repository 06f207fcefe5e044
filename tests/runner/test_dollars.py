"""The budget in dollars: at the unit, over random costs, and over whole simulated nights."""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeClock, MemoryLedger, SimulatedLauncher, make_request
from fakes_session import SESSION, fake_surroundings, write_session
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simulated_nights import BASELINE, faster_helps, make_night, nothing_helps

from agent.night import run_night
from agent.ports import OnFinish, OnStart
from probes.errors import ConfigError, NightlabError
from probes.outcome import ProbeOutcome, ProbeStatus
from runner.budget import NightBudget
from runner.cli import main
from runner.config import BudgetConfig
from runner.overrides import load_session
from tracking.events import Event, ProbeFinished, ProbePlan, ProbeStarted
from tracking.night import NightRecord

A_DOLLAR_A_SECOND = {"device_hour": 3600.0}
AT = "2026-01-01T00:00:00.000+00:00"


def budget(usd: float, workers: int = 2, confirm: int = 8, earlier: float | None = None) -> NightBudget:
    config = BudgetConfig.model_validate(
        {"probes": 10_000, "confirm_probes": confirm, "usd": usd, "rates": A_DOLLAR_A_SECOND}
    )
    return NightBudget(config, FakeClock(), workers, earlier_probe_usd=earlier)


def plan(number: int) -> ProbePlan:
    return ProbePlan(
        number=number,
        phase="search",
        arm="baseline",
        replicate=number,
        request=make_request(BASELINE, number, "search"),
    )


def start(night: NightBudget, number: int) -> None:
    night(ProbeStarted(at=AT, plan=plan(number), key=plan(number).request.key))


def end(night: NightBudget, number: int, usd: float) -> None:
    outcome = ProbeOutcome(key=plan(number).request.key, status=ProbeStatus.COMPLETED, seconds=usd)
    night(ProbeFinished(at=AT, plan=plan(number), outcome=outcome))


def test_the_confirmations_dollars_are_kept_back() -> None:
    night = budget(20.0)
    start(night, 1)
    end(night, 1, 2.0)
    # 2 are spent and 8 × 2 kept: one more probe fits.
    assert night.refusal(1, 1, reserve_confirmation=True) is None
    said = night.refusal(1, 2, reserve_confirmation=True)
    assert said == "the budget of $20.00 is spent: $2.00 are used, the confirmation needs $16.00"
    assert night.refusal(1, 8, reserve_confirmation=False) is None


def test_a_running_probe_counts_as_spent() -> None:
    night = budget(20.0)
    start(night, 1)
    end(night, 1, 2.0)
    assert night.halt(reserve_confirmation=True) is None
    start(night, 2)
    assert night.halt(reserve_confirmation=True) is not None
    end(night, 2, 0.1)
    assert night.halt(reserve_confirmation=True) is None, "it cost less than foreseen"


def test_the_confirmation_may_spend_the_last_dollar_and_no_more() -> None:
    night = budget(10.0)
    for number, usd in ((1, 2.0), (2, 7.9)):
        start(night, number)
        end(night, number, usd)
    assert night.refusal(2, 8, reserve_confirmation=False) is None
    assert night.halt(reserve_confirmation=False) is None
    start(night, 3)
    assert night.halt(reserve_confirmation=False) is not None, "the running one is foreseen to take what is left"


def test_before_the_first_probe_an_earlier_night_tells_what_the_confirmation_needs() -> None:
    assert budget(20.0).refusal(0, 12, reserve_confirmation=True) is None, "nothing is known, nothing kept"
    said = budget(20.0, earlier=2.0).refusal(0, 3, reserve_confirmation=True)
    assert said is not None
    assert "the confirmation needs $16.00" in said
    assert budget(20.0, earlier=2.0).refusal(0, 2, reserve_confirmation=True) is None


def test_what_is_left_of_the_dollars_foresees_the_time_left() -> None:
    night = budget(20.0, workers=2)
    start(night, 1)
    end(night, 1, 2.0)
    assert night.left_s(1) == 5 * 2.0  # nine more probes, two at a time


@dataclass
class Pool:
    """Workers in simulated time that ask the budget before every start."""

    night: NightBudget
    workers: int
    costs: Sequence[float]
    numbers: count[int] = field(default_factory=lambda: count(1))
    spent: float = 0.0
    began_over_limit: bool = False

    def run(self, wanted: int, limit: float, searching: bool) -> int:
        running: list[tuple[float, int, float]] = []
        began, now = 0, 0.0
        while wanted or running:
            while wanted and len(running) < self.workers and self.night.halt(searching) is None:
                number = next(self.numbers)
                usd = self.costs[number % len(self.costs)]
                self.began_over_limit |= self.spent >= limit
                start(self.night, number)
                heapq.heappush(running, (now + usd, number, usd))
                began, wanted = began + 1, wanted - 1
            if not running:
                return began
            now, number, usd = heapq.heappop(running)
            end(self.night, number, usd)
            self.spent += usd
        return began


@settings(max_examples=150, deadline=None)
@example(costs=[3.1957690933381397], usd=3.1957690933381397, workers=1)
@given(
    costs=st.lists(st.floats(0.1, 5.0), min_size=1, max_size=12),
    usd=st.floats(0.5, 80.0),
    workers=st.integers(1, 4),
)
def test_a_night_is_never_over_by_more_than_a_probe_per_worker(costs: list[float], usd: float, workers: int) -> None:
    pool = Pool(budget(usd, workers), workers, costs)
    pool.run(10_000, usd, searching=True)
    pool.run(8, usd, searching=False)
    assert pool.spent <= usd + workers * max(costs)
    assert not pool.began_over_limit


@settings(max_examples=100, deadline=None)
@given(cost=st.floats(0.01, 5.0), probes=st.integers(9, 60), workers=st.integers(1, 4))
def test_the_reserve_is_never_eaten_when_probes_cost_what_is_foreseen(cost: float, probes: int, workers: int) -> None:
    usd = cost * probes
    pool = Pool(budget(usd, workers, earlier=cost), workers, [cost])
    assert pool.run(10_000, usd, searching=True) == probes - 8
    assert pool.run(8, usd, searching=False) == 8
    assert pool.spent == pytest.approx(usd)


class PaidLedger(MemoryLedger):
    """A ledger that a budget follows."""

    budget: NightBudget | None = None

    def append(self, event: Event) -> None:
        super().append(event)
        if self.budget is not None:
            self.budget(event)


class PricedLauncher(SimulatedLauncher):
    """Two workers in simulated time whose probes differ in cost."""

    spread = 0.0

    def run(self, plans: Sequence[ProbePlan], on_start: OnStart, on_finish: OnFinish) -> None:
        waiting, running, now = list(plans), list[tuple[float, int, ProbePlan, ProbeOutcome]](), 0.0
        while waiting or running:
            while waiting and len(running) < self.workers:
                plan = waiting.pop(0)
                if on_start(plan) is False:
                    waiting.clear()
                    break
                self.ran.append(plan.request.key)
                outcome = self.outcome(plan)
                heapq.heappush(running, (now + outcome.seconds, plan.number, plan, outcome))
            if running:
                now, _, plan, outcome = heapq.heappop(running)
                on_finish(plan, outcome)

    def outcome(self, plan: ProbePlan) -> ProbeOutcome:
        rng = np.random.default_rng(plan.number)
        whole = float(np.exp(rng.normal(0.0, self.spread)))
        return super().outcome(plan).model_copy(update={"seconds": whole if plan.is_whole else whole / 4})


def play(tmp_path: Path, usd: float, spread: float = 0.0, helps: bool = True) -> tuple[NightRecord, float]:
    launcher, ledger = PricedLauncher(faster_helps if helps else nothing_helps), PaidLedger()
    launcher.spread = spread
    context = make_night(tmp_path, launcher, ledger, probes=5_000)
    ledger.budget = budget(usd, launcher.workers, confirm=16)
    context.budget = ledger.budget
    run_night(context)
    spent = sum(probe.outcome.seconds for probe in context.night.probes)
    return context.night, spent


def test_a_night_that_reaches_its_dollars_goes_to_the_confirmation_and_ends(tmp_path: Path) -> None:
    night, spent = play(tmp_path, usd=60.0)
    assert night.search_ended is not None
    assert "the budget of $60.00 is spent" in night.search_ended
    confirmed = [probe for probe in night.probes if probe.plan.phase == "confirm"]
    assert len(confirmed) >= 16
    assert night.claim is not None
    assert night.claim.confirmed
    assert 55.0 < spent <= 60.0


@pytest.mark.parametrize("usd", [25.0, 40.0])
def test_costs_that_vary_overrun_by_no_more_than_a_probe_per_worker(tmp_path: Path, usd: float) -> None:
    night, spent = play(tmp_path, usd, spread=0.6)
    dearest = max(probe.outcome.seconds for probe in night.probes)
    assert spent <= usd + 2 * dearest
    assert night.claim is not None
    assert night.stopped is not None
    assert night.stopped.stop_reason == "finished"


def test_dollars_that_do_not_pay_for_the_calibration_are_told_with_the_cure(tmp_path: Path) -> None:
    said = r"cannot be calibrated: the budget of \$4\.00 is spent.*start a new night with a larger budget"
    with pytest.raises(NightlabError, match=said):
        play(tmp_path, usd=4.0)


JUDGE = '\n[judge]\nprovider = "openai"\nmodel = "our-judge"\nbase_url = "http://127.0.0.1:9/v1"\n'


@pytest.mark.parametrize(
    ("extra", "sets", "words"),
    [
        ("", ["budget.usd=5"], ("budget", "no rate", "budget.rates.device_hour")),
        ("", ["budget.usd=-1"], ("budget.usd", "-1")),
        ("", ["budget.rates.device_hour=-2"], ("device_hour", "-2")),
        (JUDGE, ["budget.usd=5", "budget.rates.device_hour=2"], ("our-judge", '[judge.prices."our-judge"]')),
    ],
)
def test_dollars_that_cannot_be_counted_are_refused(
    tmp_path: Path, extra: str, sets: list[str], words: Sequence[str]
) -> None:
    (tmp_path / "session.toml").write_text(SESSION + extra)
    with pytest.raises(ConfigError) as caught:
        load_session(tmp_path / "session.toml", sets)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_judge_with_a_price_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "session.toml").write_text(SESSION + JUDGE)
    price = 'judge.prices={"our-judge" = {input = 0, output = 0}}'
    config = load_session(tmp_path / "session.toml", ["budget.usd=5", "budget.rates.device_hour=0", price])
    assert config.budget.usd == 5.0


def test_a_night_on_disk_tells_what_it_cost_and_foresees_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    session, around = str(write_session(tmp_path)), fake_surroundings(tmp_path)
    rates = ("--set", "budget.usd=1000", "--set", "budget.rates.device_hour=36000")

    def shell(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as caught:
            main(arguments, around)
        assert (caught.value.code or 0) == code
        return capsys.readouterr().out

    assert "not known before the first one" in shell("run", session, "--dry-run", *rates)
    shell("run", session, "--out", "results/small-1", *rates)
    cost = json.loads((tmp_path / "results/small-1/summary.json").read_text())["spend"]
    # Ten dollars a second; the table rounds its seconds to milliseconds.
    assert cost["usd"] == pytest.approx(10 * cost["probe_s"], abs=0.1)
    assert cost["model_usd"] == 0.0
    assert f"cost: ${cost['usd']:,.2f} of $1,000.00: training $" in shell("status", "results/small-1")
    assert "of $1,000.00: training $" in (tmp_path / "results/small-1/report.md").read_text()
    planned = shell("run", session, "--dry-run", *rates)
    assert "it ends at $1,000.00" in planned
    assert ", a probe about $" in planned
    assert "does not pay" not in planned
    poor = shell("run", session, "--dry-run", *rates, "--set", "budget.usd=0.01", code=2)
    assert "does not pay for calibration, one candidate and confirmation: 19 probes" in poor
    for verb in (("check",), ("run", "--out", "results/poor"), ("run", "--out", "results/poor", "--detach")):
        shell(*verb, session, "--set", "budget.hours=0.000001", code=2)
    assert not (tmp_path / "results/poor").exists()
