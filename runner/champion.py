"""`nightlab champion`: give a night's recipe a role, freeze it there, and hand it on to the next session.

Promotion is a person's act, with a name and a reason; what may be promoted is not theirs to bend: a finished night
whose claim was confirmed and stands. `unconfirmed` lifts only the middle one of the three, and is told ever after.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

import tomli_w

from probes.comparability import Difference, conditions, differing
from probes.errors import ConfigError
from probes.words import did_you_mean
from runner.config import SessionConfig
from runner.folder import RESULTS, SessionFolder, is_running, state_of
from runner.inputs import file_digest
from runner.planning import RequestMaker
from runner.serving.plan import check_serving
from runner.surroundings import Surroundings, gather_inputs
from tracking.champions import Champion, ChampionBook, Entry, Holder, Promoted, RoleFrozen, RoleUnfrozen
from tracking.commands import command
from tracking.headline import changes_in_words, headline
from tracking.night import NightRecord
from tracking.probe_table import commit_label

LONGEST_REASON = 400
FOLLOWS = ("base_model", "chat_template", "steps")
"""Fields of a recipe that a session takes from `[model]` and `[probe]`."""
_ROLE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Decision(NamedTuple):
    """Who decides, when and why."""

    role: str
    reason: str
    who: str
    at: str


def promote(folder: Path, decision: Decision, results: Path = RESULTS, unconfirmed: bool = False) -> Holder:
    """Give a night's recipe a role; the same night in the same role again changes nothing.

    Args:
        folder: The session folder.
        decision: The role, why, and by whom.
        results: Where the champions are kept.
        unconfirmed: Whether a night whose claim was not confirmed will do.

    Raises:
        ConfigError: the night may not be promoted, the role is frozen, or the role or reason is none.
        LedgerError: a file cannot be read or written.
    """
    _check(decision)
    champion = champion_of(folder, results, unconfirmed)

    def decide(holders: dict[str, Holder]) -> Entry | None:
        before = holders.get(decision.role)
        if before is not None and before.champion == champion:
            return None
        if before is not None and before.freeze is not None:
            raise ConfigError(
                f"role `{decision.role}` is frozen on {before.champion.session} ({_by(before.freeze)}) and cannot be "
                f"given to {champion.session}; take the freeze off first with "
                f"`{command('champion', 'unfreeze', decision.role, '--reason', 'TEXT')}`"
            )
        return Promoted(**decision._asdict(), champion=champion)

    book = ChampionBook(results)
    book.write(decide)
    return find(decision.role, results)


def freeze(decision: Decision, results: Path = RESULTS) -> Holder:
    """Keep a role's champion from being replaced.

    Raises:
        ConfigError: nobody holds the role, or it is frozen already.
    """
    _check(decision)

    def decide(holders: dict[str, Holder]) -> Entry:
        holder = _held(decision.role, holders, results)
        if holder.freeze is not None:
            raise ConfigError(f"role `{decision.role}` is frozen already, {_by(holder.freeze)}; nothing was changed")
        return RoleFrozen(**decision._asdict())

    find(decision.role, results)  # what nobody holds leaves no file behind
    ChampionBook(results).write(decide)
    return find(decision.role, results)


def unfreeze(decision: Decision, results: Path = RESULTS) -> Holder:
    """Let a role's champion be replaced again.

    Raises:
        ConfigError: nobody holds the role, or it is not frozen.
    """
    _check(decision)

    def decide(holders: dict[str, Holder]) -> Entry:
        if _held(decision.role, holders, results).freeze is None:
            raise ConfigError(f"role `{decision.role}` is not frozen; `nightlab champion promote` can replace it as is")
        return RoleUnfrozen(**decision._asdict())

    find(decision.role, results)
    ChampionBook(results).write(decide)
    return find(decision.role, results)


def find(role: str, results: Path = RESULTS) -> Holder:
    """Return the holder of a role.

    Raises:
        ConfigError: nobody holds it.
    """
    return _held(role, ChampionBook(results).holders(), results)


def champion_of(folder: Path, results: Path, unconfirmed: bool) -> Champion:
    """Return what a night would be remembered by as a champion.

    Raises:
        ConfigError: it has not ended, its claim was withdrawn, or was not confirmed and that is not allowed for.
    """
    place = SessionFolder(folder)
    night = place.load()
    _require_result(place, night, unconfirmed)
    assert night.started is not None
    assert night.working_recipe is not None
    return Champion(
        session=night.started.session,
        folder=_relative(place.path, results),
        started=night.first_at,
        ended=night.last_at,
        ledger=file_digest(place.ledger),
        commit=commit_label(night),
        recipe=night.working_recipe,
        changes=changes_in_words(night),
        target=night.target,
        claim=night.claim,
        confirmed=night.claim is not None and night.claim.confirmed,
        conditions=_measured_under(night),
    )


def since_then(champion: Champion, results: Path = RESULTS) -> str | None:
    """Return what has become of a champion's night since its promotion; None while it is as it was."""
    place = SessionFolder(results / champion.folder)
    if not place.ledger.is_file():
        return f"its session folder `{place.path}` is gone"
    if file_digest(place.ledger) == champion.ledger:
        return None
    night = place.load()
    if night.withdrawn is not None or night.is_set_back:
        return f"its claim was withdrawn since: probes were invalidated {night.invalidations[-1].words}"
    return "its ledger is not the one that was promoted"


def recipe_toml(champion: Champion) -> str:
    """Return the recipe as a `[recipe]` block for a session file; what `[model]` and `[probe]` decide is a comment."""
    recipe = champion.recipe.model_dump(mode="json", exclude=set(FOLLOWS), exclude_none=True)
    follows = f"# measured with model.base = {champion.recipe.base_model}, "
    follows += f"model.chat_template = {champion.recipe.chat_template}, probe.steps = {champion.recipe.steps}\n"
    return follows + tomli_w.dumps({"recipe": recipe})


def differences_from(champion: Champion, config: SessionConfig, around: Surroundings) -> tuple[Difference, ...]:
    """Return in what a session would measure otherwise than the champion's confirmation did; empty: nowhere.

    Raises:
        NightlabError: the session's input cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="nightlab-champion-") as scratch:
        inputs = gather_inputs(config, Path(scratch), around)
        make_request = RequestMaker(config, inputs, SessionFolder(Path(scratch)), check_serving(config, around.environ))
        return differing(champion.conditions, conditions(make_request(config.recipe, config.seed, "held_out")))


def _require_result(place: SessionFolder, night: NightRecord, unconfirmed: bool) -> None:
    if night.withdrawn is not None or night.is_set_back:
        raise ConfigError(
            f"`{place.path}` cannot be promoted: {headline(night)} Go on with `{command('resume', place.path)}`, and "
            "promote what it then claims"
        )
    finished = night.stopped is not None and night.stopped.stop_reason == "finished"
    if is_running(place) or not finished:
        state = "still running" if is_running(place) else state_of(night)
        raise ConfigError(
            f"`{place.path}` has not ended ({state}), and only a finished night has a recipe to promote; wait for its "
            f"end, or go on with `{command('resume', place.path)}`"
        )
    if not unconfirmed and (night.claim is None or not night.claim.confirmed):
        raise ConfigError(
            f"`{place.path}` claims nothing that could be promoted: {headline(night)} Promote a night whose claim was "
            "confirmed, or add --unconfirmed and say in --reason why; that it was not confirmed is then shown forever"
        )


def _measured_under(night: NightRecord) -> dict[str, str]:
    """Return the conditions of the confirmation, without one those of the search."""
    whole = [probe for probe in night.probes if probe.plan.is_whole]
    confirmed = [probe for probe in whole if probe.plan.phase == "confirm"]
    chosen = confirmed or whole
    return conditions(chosen[-1].plan.request) if chosen else {}


def _check(decision: Decision) -> None:
    if not _ROLE.fullmatch(decision.role):
        raise ConfigError(
            f"a role must be 1 to 64 small letters, digits, `.`, `_` or `-`, got `{decision.role}`; for example "
            "`production` or `judge-voice`"
        )
    if not 0 < len(decision.reason) <= LONGEST_REASON:
        raise ConfigError(
            f"`--reason` must say in 1 to {LONGEST_REASON} characters why, got {len(decision.reason)}; give a sentence"
        )


def _held(role: str, holders: dict[str, Holder], results: Path) -> Holder:
    if role not in holders:
        known = f" ({did_you_mean(role, sorted(holders))})" if holders else ""
        raise ConfigError(
            f"nobody holds the role `{role}` in `{ChampionBook(results).path}`{known}; give it to a night with "
            f"`{command('champion', 'promote', 'DIR', '--role', role, '--reason', 'TEXT')}`"
        )
    return holders[role]


def _by(entry: RoleFrozen) -> str:
    return f"by {entry.who} on {entry.at[:10]}: {entry.reason}"


def _relative(folder: Path, results: Path) -> str:
    home = results.resolve()
    return str(folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)
