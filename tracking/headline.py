"""The night in one sentence: the claim with its interval, or the honest negative. The same words everywhere."""

from __future__ import annotations

from probes.candidate import Change
from probes.statistics.verdicts import Claim
from probes.validity import Flag
from tracking.events import ProbePlan
from tracking.figures import show, show_count, show_interval
from tracking.night import NightRecord
from tracking.spending import budget_usd

STOPPED = {
    "interrupted": "The night was interrupted after {probes}; nothing is claimed yet.",
    "failed": "The night was stopped by a failure after {probes}; nothing is claimed.",
}


def headline(night: NightRecord) -> str:
    """Return what the night found, in one sentence of plain text."""
    if night.claim is not None:
        return _claimed(night, night.claim)
    probes = show_count(len(night.probes), "probe")
    if night.is_set_back:
        return _set_back(night)
    if night.stopped is not None and night.stopped.stop_reason in STOPPED:
        flag = stopping_check(night)
        if flag is not None:
            about = f"“{flag.check}” on {flag.subject}"
            return f"The night was stopped by the check {about} after {probes}; nothing is claimed."
        return STOPPED[night.stopped.stop_reason].format(probes=probes)
    if night.stopped is None:
        return f"The night has not ended: {probes} so far, nothing is claimed yet."
    return _nothing_found(night)


def changes_in_words(night: NightRecord, most: int = 4) -> str:
    """Return the accepted changes, `rank 16 → 64 and beta 0.1 → 0.08`; a number when there are many."""
    changes = [change_in_words(night.candidates[name].change) for name in night.accepted if name in night.candidates]
    if not changes or len(changes) > most:
        return f"the {len(changes)} accepted changes together" if changes else "the baseline"
    return changes[0] if len(changes) == 1 else f"{', '.join(changes[:-1])} and {changes[-1]}"


def change_in_words(change: Change) -> str:
    """Return a change so that it can stand without its lane: a mix rule is named as one."""
    return f"data mix {change}" if change.lane == "data_mix" else str(change)


CONTROL_WORDS = {
    "base": "control: the base model untrained",
    "broken": "control: trained to say nothing",
    "repeat": "control: the baseline once more",
}


def probe_in_words(night: NightRecord, plan: ProbePlan) -> str:
    """Return what a probe trained: `rank 16 → 64`, `block 1 row 5: c01 + c04`, `baseline`, `working recipe`."""
    candidate = night.named(plan).get(plan.candidate or "")
    if candidate is not None:
        return change_in_words(candidate.change)
    if plan.arm == "block":
        return f"block {plan.block} row {plan.replicate + 1}: {' + '.join(plan.changes) or 'no change'}"
    if plan.arm == "final":
        return "final recipe" if plan.phase == "confirm" else "rehearsal of the final recipe"
    return CONTROL_WORDS.get(plan.arm, plan.arm)


def design_in_words(night: NightRecord) -> str:
    """Return the designs in the order of the night: `2 blocks, then rows`; empty before one was chosen."""
    blocks = sum(block.kind == "plackett_burman" for block in night.blocks)
    words: list[str] = []
    for chosen in night.designs:
        name = show_count(blocks, "block") if chosen.design == "blocks" else chosen.design
        words += [name] if name not in words else []
    return ", then ".join(words)


def cost_in_words(night: NightRecord) -> str:
    """Return what the night cost and on what: `$3.20 of $20.00: training $2.00, …`; an en dash where no rate tells."""
    bill, limit = night.bill, budget_usd(night.started.config if night.started else {})
    total = show(bill.usd, "usd") + (f" of {show(limit, 'usd')}" if limit is not None else "")
    judge_and_agent = f"judge {show(bill.judge_usd, 'usd')}, agent {show(bill.agent_usd, 'usd')}"
    if bill.usd is None and not bill.model_usd:
        return total
    if bill.usd is None:
        return f"{show(bill.model_usd, 'usd')} for models ({judge_and_agent}); no rate tells the rest"
    parts = {"training": bill.train_usd, "evaluation": bill.evaluate_usd, "other": bill.other_usd}
    said = [f"{name} {show(usd, 'usd')}" for name, usd in parts.items()]
    models = f"models {show(bill.model_usd, 'usd')}"
    if bill.judge_usd or bill.agent_usd:
        models += f" ({judge_and_agent})"
    return f"{total}: {', '.join((*said, models))}"


def stopping_check(night: NightRecord) -> Flag | None:
    """Return the check of the measurements that ended the night's latest stretch; None when none did."""
    message = night.stopped.message if night.stopped is not None and night.stopped.stop_reason == "failed" else ""
    return next((flag for flag in night.flags if flag.stops and flag.message[:1000] in message), None)


def taken_in_words(night: NightRecord) -> str:
    """Return what the night took, in one sentence: probes, time and dollars."""
    rated = night.bill.usd is not None or bool(night.bill.model_usd)
    cost = f"cost {cost_in_words(night)}" if rated else "no rate tells its cost"
    return f"It took {show_count(len(night.ended), 'probe')} in {show(night.active_s, 'duration')}; {cost}."


def _claimed(night: NightRecord, claim: Claim) -> str:
    if claim.effect is None:
        return f"We claim nothing: {claim.reason}." if night.accepted else _nothing_found(night)
    change = changes_in_words(night)
    level = show(claim.interval.level, "share")
    bounds = f"{level} interval {show_interval(claim.interval)}"
    figure = f"{show(claim.effect, 'effect')} points ({bounds})"
    where = "on fresh seeds and held-out items"
    if claim.confirmed:
        guards = "; every guard held" if claim.guards else ""
        verb = "raise" if len(night.accepted) > 1 else "raises"
        change = f"T{change[1:]}" if change.startswith("the ") else change
        return f"{change} {verb} {night.target} by {figure} {where}{guards}."
    failed = [name for name, test in claim.guards.items() if not test.passed]
    if claim.p_value is not None and claim.p_value <= claim.level and failed:
        unproved = f"{_listed(failed)} {'was' if len(failed) == 1 else 'were'} not shown to hold"
        return f"We claim nothing: {change} moved {night.target} by {figure}, but {unproved}."
    return f"We found no change that we can claim: {change} moved {night.target} by {figure} {where}, within noise."


def _set_back(night: NightRecord) -> str:
    mark = night.invalidations[-1]
    probes = show_count(len(mark.numbers), "probe")
    were = "was" if len(mark.numbers) == 1 else "were"
    taken = "What the night had claimed is withdrawn" if night.withdrawn else "Nothing is claimed"
    return f"{taken}: {probes} {were} invalidated {mark.words.rstrip('.')}."


def _nothing_found(night: NightRecord) -> str:
    tried = show_count(len(night.candidates), "candidate")
    floor = night.power.target_resolvable if night.power else None
    seen = f" Gains under {show(floor, 'margin')} points could not have been seen reliably." if floor else ""
    were = "was" if len(night.candidates) == 1 else "were"
    return f"We found no change that raises {night.target}: {tried} {were} tried, none was accepted.{seen}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
