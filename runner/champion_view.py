"""What `nightlab champion` prints: who holds which role, on what evidence, and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probes.comparability import Difference
from runner.champion import Decision, recipe_toml, since_then
from runner.tables import View, plain_table
from tracking.champions import Champion, Entry, Holder, Promoted
from tracking.figures import show, show_effect, show_p

UNCONFIRMED = "UNCONFIRMED: promoted although the night's claim was not confirmed"


def list_view(holders: Mapping[str, Holder], results: Path) -> View:
    """Return a line per role."""
    if not holders:
        return [f"No role is held in {results}. `nightlab champion promote DIR --role ROLE --reason TEXT` gives one."]
    table = plain_table(("role", "session", "target", "effect", "state", "since", "by", "reason"))
    notes: list[str] = []
    for role, holder in holders.items():
        champion, promoted = holder.champion, holder.promoted
        state = "frozen" if holder.freeze else "open"
        state += "" if champion.confirmed else ", UNCONFIRMED"
        day = promoted.at[:10]
        row = (champion.session, champion.target, effect_in_words(champion), state, day, promoted.who, promoted.reason)
        table.add_row(role, *row)
        lost = since_then(champion, results)
        notes += [f"warning, {role}: {lost}"] if lost else []
    return [table, *notes]


def promotion_line(holder: Holder, decision: Decision) -> str | None:
    """Return what a decision to promote replaced, or that it changed nothing; None where it gave a free role."""
    *earlier, latest = [entry for entry in holder.history if isinstance(entry, Promoted)]
    if (latest.at, latest.reason, latest.who) != (decision.at, decision.reason, decision.who):
        return f"{holder.champion.session} holds {holder.role} already, since {latest.at[:16]} UTC; nothing was changed"
    if not earlier:
        return None
    before = earlier[-1].champion
    return f"replaces {before.session}: {before.target} {effect_in_words(before)}"


def show_champion(holder: Holder, results: Path, found: Sequence[Difference] | None = None) -> View:
    """Return everything that is known of a role's champion, and its recipe to start the next night from.

    Args:
        holder: Who holds the role.
        results: Where the champions are kept.
        found: In what a session would measure otherwise; None: no session was named.
    """
    champion, promoted = holder.champion, holder.promoted
    view: View = [f"{holder.role}: {champion.changes}, from {champion.session} ({champion.folder})"]
    view += [] if champion.confirmed else [UNCONFIRMED]
    view.append(f"promoted by {promoted.who} at {promoted.at[:16]} UTC: {promoted.reason}")
    if holder.freeze is not None:
        view.append(f"frozen by {holder.freeze.who} at {holder.freeze.at[:16]} UTC: {holder.freeze.reason}")
    view.append(f"{champion.target}: {effect_in_words(champion)}{_test_in_words(champion)}")
    guards = champion.claim.guards if champion.claim else {}
    for name, test in guards.items():
        held = "held" if test.passed else "NOT shown to hold"
        effect = show_effect(test.effect, test.interval)
        view.append(f"guard {name}: {effect}, margin {show(test.margin, 'margin')}, {held}")
    view.append(f"ledger {champion.ledger}, commit {champion.commit or 'unknown'}, ended {champion.ended[:16]} UTC")
    lost = since_then(champion, results)
    view += [f"warning: {lost}"] if lost else []
    view += _compared(found)
    view += ["", "What was decided about this role:"]
    view += [f"  {entry.at[:16]} {entry.who} {_deed(entry)}: {entry.reason}" for entry in holder.history]
    return [*view, "", recipe_toml(champion).rstrip()]


def holder_json(holder: Holder, results: Path, found: Sequence[Difference] | None = None) -> dict[str, Any]:
    """Return a holder for machines."""
    return {
        "role": holder.role,
        "frozen": holder.freeze is not None,
        "confirmed": holder.champion.confirmed,
        "promoted": {"at": holder.promoted.at, "by": holder.promoted.who, "reason": holder.promoted.reason},
        "champion": holder.champion.model_dump(mode="json"),
        "since": since_then(holder.champion, results),
        "differences": None if found is None else [each._asdict() for each in found],
        "history": [entry.model_dump(mode="json") for entry in holder.history],
        "toml": recipe_toml(holder.champion),
    }


def effect_in_words(champion: Champion) -> str:
    """Return the claimed effect with its interval; an en dash when nothing was held against the baseline."""
    claim = champion.claim
    return show_effect(claim.effect if claim else None, claim.interval if claim else None)


def _test_in_words(champion: Champion) -> str:
    claim = champion.claim
    if claim is None or claim.p_value is None:
        return ""
    return f", {show_p(claim.p_value)} at level {claim.level:g}, {claim.runs_per_arm} runs a side on held-out items"


def _compared(found: Sequence[Difference] | None) -> View:
    if found is None:
        return []
    if not found:
        return ["The session measures as the champion's confirmation did: their scores can be compared."]
    words = [f"  {each}" for each in found]
    return [
        "The session measures otherwise (champion against session), so the figures above do not carry over:",
        *words,
    ]


def _deed(entry: Entry) -> str:
    if isinstance(entry, Promoted):
        return f"promoted {entry.champion.session}" + ("" if entry.champion.confirmed else " (UNCONFIRMED)")
    return entry.kind
