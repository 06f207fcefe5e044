"""The check before a night: could it conclude, and would its budget pay for that? What speaks against it stops it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agent.plan import NightPlan
from probes.statistics.power import LEAST_ITEMS, blind_guards, is_directional, power_of_choice
from probes.statistics.verdicts import CategoryPower, PowerTable
from runner.alarm import check_alarm
from runner.config import SessionConfig
from runner.earlier import read_earlier, with_earlier
from runner.outlook import EarlierProbe, earlier_probe, unpaid
from runner.planning import AUTO
from runner.preparing import Prepared
from runner.surroundings import Surroundings
from tracking.figures import show
from tracking.memory.known import EarlierNights


class Preflight(NamedTuple):
    """What is known of a night before money is spent."""

    power: PowerTable
    """At the noise known before the night."""
    problems: tuple[str, ...]
    """Each stops the night: the rule, the value, the cure."""
    warnings: tuple[str, ...]
    earlier: EarlierNights | None = None
    """What the nights beside this one teach it."""
    known: EarlierProbe | None = None
    """What a probe took in the latest of those of the same name."""


def preflight(config: SessionConfig, prepared: Prepared, folder: Path, around: Surroundings) -> Preflight:
    """Return what is known of a night in `folder`, and what stops it.

    Raises:
        ConfigError: the alarm has no command that could be run.
    """
    check_alarm(config.alarm, around.environ)
    earlier = read_earlier(config, prepared.inputs, folder, prepared.make_request)
    checked, known = check_power(with_earlier(prepared.plan, earlier), config), earlier_probe(config, folder.parent)
    return Preflight(
        power=checked.power,
        problems=(*checked.problems, *unpaid(config, len(around.worker_gpus(config)), known)),
        warnings=(*prepared.inputs.warnings, *checked.warnings),
        earlier=earlier,
        known=known,
    )


def check_power(plan: NightPlan, config: SessionConfig) -> Preflight:
    """Return the power at the noise known before the night, and whether the night could conclude at all."""
    from agent.noise import night_power

    power = night_power(plan)
    if config.target.category == AUTO and (choices := _choices(plan)):
        power = power_of_choice(power, [night_power(choice) for choice in choices], plan.confirm_probes)
    few = [row for row in power.categories if row.directional]
    hopeless = [_directional(row) for row in few if is_directional(row.items_held_out)]
    blind = [_blind(row, config) for row in blind_guards(power) if row not in few]
    problems = (*hopeless, *blind)
    warnings = tuple(_directional(row) for row in few if not is_directional(row.items_held_out))
    return (
        Preflight(power, (), (*problems, *warnings))
        if config.referee.allow_blind_guards
        else Preflight(power, problems, warnings)
    )


def _choices(plan: NightPlan) -> list[NightPlan]:
    """Return the plans that an automatic target may leave: those on whose categories a claim could rest, else all."""
    held_out = {name: plan.held_out_items.get(name, 0) for name in plan.search_items}
    enough = [name for name, items in held_out.items() if not is_directional(items)]
    return [
        replace(plan, target=name, guards={guard: m for guard, m in plan.guards.items() if guard != name})
        for name in enough or [name for name, items in held_out.items() if items]
    ]


def _blind(row: CategoryPower, config: SessionConfig) -> str:
    return (
        f"guard `{row.category}` cannot resolve its margin of {row.margin:g}: when nothing changed it would pass only "
        f"{show(row.pass_probability, 'chance')} of the time; raise its margin in `[guards.margins]`, raise "
        f"`budget.confirm_probes` (now {config.budget.confirm_probes}), add items of it, take it out of "
        "`guards.categories`, or start all the same with `--set referee.allow_blind_guards=true`"
    )


def _directional(row: CategoryPower) -> str:
    counts = f"{row.role} `{row.category}` has {row.items_search} search and {row.items_held_out} held-out items"
    if not is_directional(row.items_held_out):
        return f"{counts}: with fewer than {LEAST_ITEMS} to search with, changes are told apart by direction only"
    cure = "add held-out items of it" + (", or take it out of `guards.categories`" if row.role == "guard" else "")
    return (
        f"{counts}: fewer than {LEAST_ITEMS} held-out items give a direction only, so the night could claim nothing; "
        f"{cure}, or start all the same with `--set referee.allow_blind_guards=true`"
    )
