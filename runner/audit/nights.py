"""Our own ledgers as trials, so that a night of ours is audited by the same rule as everybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probes.comparability import differences, not_comparable
from probes.errors import ComparabilityError, ConfigError, DataError, LedgerError
from probes.request import ProbeRequest
from probes.statistics.audit import LEVEL, RepeatNoise, Trial, Win, judge
from tracking.events import ProbeStarted
from tracking.finished import FinishedProbe
from tracking.headline import change_in_words, probe_in_words
from tracking.ledger import iterate_events, read_events
from tracking.night import NightRecord

LEDGER = "ledger.jsonl"


def ledger_of(path: Path) -> Path | None:
    """Return the ledger that `path` means: itself, in the folder, or beside our own results.tsv; None otherwise."""
    if path.name == LEDGER or _is_ledger(path):
        return path
    beside = path / LEDGER if path.is_dir() else path.parent / LEDGER
    if path.is_dir() or path.name == "results.tsv":
        return beside if beside.is_file() else None
    return None


def _is_ledger(path: Path) -> bool:
    """Return whether a file under any name begins as our ledgers do."""
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    with path.open("rb") as file:
        return b'"kind":"session_started"' in file.read(200)


def read_night(ledger: Path) -> NightRecord:
    """Return the night of a ledger.

    Raises:
        DataError: it cannot be read: for an audit that is bad input, not a failed night.
    """
    try:
        return NightRecord.replay(read_events(ledger))
    except LedgerError as error:
        raise DataError(str(error)) from error


def night_trials(night: NightRecord, metric: str) -> list[Trial]:
    """Return the whole probes of a night as trials; smoke runs train too short to be any.

    A candidate is held against the recipe without it; where that was never run alone, it cannot be judged. The final
    recipe is held against the confirmation's baseline, and only there: on the search items it was selected. Search and
    held-out items are not comparable. Rows of a block are held against nothing, see `block_wins`.

    Raises:
        ConfigError: the night has no completed probe with `metric`.
    """
    baseline = night.started.baseline.fingerprint if night.started else ""
    whole = [probe for probe in night.probes if probe.plan.is_whole]
    recipes = {frozenset(probe.plan.changes): probe.plan.request.recipe.fingerprint for probe in whole}
    is_confirmed = night.claim is not None and night.claim.confirmed
    trials: list[Trial] = []
    for probe in whole:
        plan = probe.plan
        recipe = plan.request.recipe.fingerprint
        without = frozenset(plan.changes[:-1] if plan.candidate else ())
        against = recipes.get(without, "never run") if without else baseline
        is_held = recipe != baseline and (plan.candidate is not None or plan.phase == "confirm")
        is_kept = plan.candidate in night.accepted if plan.candidate else plan.arm == "final" and is_confirmed
        trials.append(
            Trial(
                label=_label(night, probe, without),
                config=_config(recipe, probe),
                value=_value(probe, metric),
                reference=_config(against, probe) if is_held else None,
                kept=is_kept,
                conditions=probe.conditions,
            )
        )
    if all(trial.value is None for trial in trials):
        seen = sorted({name for probe in night.probes for name in probe.means})
        raise ConfigError(
            f"the ledger has no completed probe with `{metric}`; `--metric` must be `overall`"
            + (f" or one of {', '.join(seen)}" if seen else ", and a probe must have finished")
        )
    return trials


def require_comparable_nights(paths: Sequence[Path]) -> None:
    """Make sure that those of `paths` which are our own nights may be read side by side.

    Raises:
        ComparabilityError: their probes were measured under different conditions; the message names which.
        DataError: a ledger cannot be read.
    """
    first: tuple[str, ProbeRequest] | None = None
    for path in paths:
        ledger = ledger_of(path)
        request = _first_request(ledger) if ledger is not None else None
        if ledger is None or request is None:
            continue
        name = ledger.resolve().parent.name
        first = first or (name, request)
        if found := differences(first[1], request):
            refusal = not_comparable(f"the nights {first[0]} and {name}", found)
            raise ComparabilityError(f"{refusal}; or audit each night in a call of its own")


def _first_request(ledger: Path) -> ProbeRequest | None:
    """Return the request of the first probe of the search, None where there is none yet."""
    try:
        for event in iterate_events(ledger):
            if isinstance(event, ProbeStarted) and event.plan.phase in ("calibrate", "search"):
                return event.plan.request
    except LedgerError as error:
        raise DataError(str(error)) from error
    return None


def block_wins(night: NightRecord, metric: str, noise: RepeatNoise, tries: int) -> tuple[Win, ...]:
    """Judge the accepted changes of every block: the probes with a change against the probes without it.

    The other changes are on in as many rows of either side (the design is balanced), so that they drop out of the
    difference unless they interact or a row failed. Method and assumptions as in `probes.statistics.audit.judge`.

    Args:
        night: The night.
        metric: Category, or `overall`.
        noise: Its run-to-run noise.
        tries: Changes compared in the whole night.
    """
    wins: list[Win] = []
    for block in night.blocks:
        rows = [probe for probe in night.probes if probe.plan.block == block.number]
        for name in block.factors:
            if name not in night.accepted:
                continue
            label = f"{name} {change_in_words(night.candidates[name].change)} (block {block.number})"
            sides = {"on": list[Trial](), "off": list[Trial]()}
            for probe in rows:
                side = "on" if name in probe.plan.changes else "off"
                sides[side].append(Trial(label, side, _value(probe, metric), None))
            wins.append(judge(label, "on", "off", sides, noise, "max", LEVEL, tries))
    return tuple(wins)


def _label(night: NightRecord, probe: FinishedProbe, without: frozenset[str]) -> str:
    plan = probe.plan
    candidate = night.candidates.get(plan.candidate or "")
    if candidate is None:
        items = "held-out items" if plan.request.split == "held_out" else "search items"
        return f"{probe_in_words(night, plan)} ({items})"
    on_top = f" (on {' + '.join(sorted(without))})" if without else ""
    return f"{candidate.id} {change_in_words(candidate.change)}{on_top}"


def _value(probe: FinishedProbe, metric: str) -> float | None:
    return probe.metric(metric) if probe.is_completed else None


def _config(recipe: str, probe: FinishedProbe) -> str:
    return f"{recipe} {probe.conditions}"
