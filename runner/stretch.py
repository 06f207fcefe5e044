"""One stretch of a night: from its first line in the ledger to its last, however it ends.

What goes wrong is recorded before it is passed on, so that the ledger always tells why a night stopped.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast

from probes.comparability import Difference, differences, differing, not_comparable
from probes.errors import ConfigError, NightlabError
from probes.request import ProbeRequest
from probes.versions import score_versions
from runner.complaints import show_input
from runner.config import SessionConfig
from runner.folder import SessionFolder, state_of
from runner.overrides import config_digest, read_toml, resolved_tables
from tracking import events as ev
from tracking.clock import Clock
from tracking.commands import command
from tracking.ledger import Ledger
from tracking.memory.known import EarlierNights
from tracking.night import NightRecord
from tracking.provenance import collect_provenance

_DIGESTS = "digests"


class Stretch:
    """Records how a stretch begins and ends; as a context manager it sees every way out."""

    def __init__(self, ledger: Ledger, night: NightRecord, clock: Clock, folder: SessionFolder) -> None:
        """Record into `ledger` and `night`."""
        self._ledger, self._night, self._clock, self._folder = ledger, night, clock, folder

    def now(self) -> str:
        """Return the time, as events have it."""
        return self._clock.now()

    def record(self, event: ev.Event) -> None:
        """Append an event to the ledger, then to the record."""
        self._ledger.append(event)
        self._night.apply(event)

    def begin(
        self,
        config: SessionConfig,
        digests: Mapping[str, str],
        space: Mapping[str, Mapping[str, str]],
        warnings: Sequence[str],
        earlier: EarlierNights | None = None,
    ) -> None:
        """Record a new night's first lines, itself, what it knows of others, warnings, or that an old one goes on.

        Of a night that broke off between its first lines the others are recorded now.
        """
        if self._night.started is not None:
            self.record(ev.SessionResumed(at=self._clock.now(), reason=f"after it was {state_of(self._night)}"))
        else:
            self._start(config, digests, space)
        if earlier is not None and self._night.earlier is None:
            self.record(ev.EarlierNightsRead(at=self._clock.now(), earlier=earlier))
        for warning in warnings:
            self.warn("preflight", warning)

    def _start(self, config: SessionConfig, digests: Mapping[str, str], space: Mapping[str, Mapping[str, str]]) -> None:
        self.record(
            ev.SessionStarted(
                at=self._clock.now(),
                session=self._folder.path.name,
                config=resolved_tables(config),
                config_digest=config_digest(config),
                baseline=config.recipe,
                provenance=collect_provenance(digests),
                space={lane: dict(knobs) for lane, knobs in space.items()},
            )
        )

    def warn(self, subject: str, message: str) -> None:
        """Record something a reader of the report must know, once."""
        known = {(warning.subject, warning.message) for warning in self._night.warnings}
        if (subject, message) not in known:
            self.record(ev.Warned(at=self._clock.now(), subject=subject, message=message))

    def stop(self, reason: str, message: str = "") -> None:
        """Record the last line of the stretch: `interrupted` or `failed`."""
        self.record(
            ev.SessionStopped.model_validate({"at": self._clock.now(), "stop_reason": reason, "message": message})
        )

    def write_report(self) -> None:
        """Write the report from the ledger as it stands."""
        from runner.report.build import write_report

        write_report(self._folder.path)

    def __enter__(self) -> Self:
        """Return the stretch itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record an error that ends the stretch, and leave a report of what is known so far."""
        if self._night.started is None:
            return
        # A full disk is the one failure that cannot be recorded; the error itself is still on its way to the user.
        with suppress(NightlabError):
            if isinstance(error, KeyboardInterrupt):
                self.stop("interrupted", "stopped at once by the user")
            elif error is not None:
                self.stop("failed", f"{type(error).__name__}: {error}"[:2000])
            if self._night.stopped is not None and self._night.stopped.stop_reason != "finished":
                self.write_report()
        if isinstance(error, Exception) and not isinstance(error, NightlabError):
            with suppress(OSError):
                self._folder.errors.parent.mkdir(parents=True, exist_ok=True)
                with self._folder.errors.open("a", encoding="utf-8") as log:
                    log.write(f"{self._clock.now()}\n{''.join(traceback.format_exception(error))}\n")
                error.add_note(
                    f"traceback in {self._folder.errors}; go on with `{command('resume', self._folder.path)}`"
                )


def require_same_settings(night: NightRecord, folder: SessionFolder) -> None:
    """Make sure that nobody expects a night to go on with settings written into its folder's copy of them.

    Raises:
        ConfigError: `session.toml` is no longer what the ledger began with.
    """
    if night.started is None or not folder.config.is_file():
        return
    began, now = _flat(night.started.config), _flat(read_toml(folder.config))
    changed = [name for name in {**began, **now} if began.get(name) != now.get(name)]
    if changed:
        told = "; ".join(f"`{name}`: {_told(began, name)} → {_told(now, name)}" for name in changed)
        raise ConfigError(
            f"`{folder.config}` is a copy of the settings that the night began with, which cannot change any more, and "
            f"it was edited: {told}; undo that or delete the copy to go on as it began, or start a new night for other "
            "settings"
        )


def _flat(tables: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return key path → value; a list is one value."""
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            flat |= _flat(cast("dict[str, Any]", value), f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


def _told(values: Mapping[str, Any], name: str) -> str:
    return show_input(values[name]) if name in values else "not set"


def require_same_inputs(night: NightRecord, now: Mapping[str, str], folder: SessionFolder) -> None:
    """Make sure that a night goes on with what it started with.

    Raises:
        ConfigError: something the session reads has changed since it started.
    """
    before: Mapping[str, Any] = night.started.provenance.get(_DIGESTS, {}) if night.started is not None else now
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        raise ConfigError(
            f"session `{folder.path}` cannot go on: {', '.join(changed)} changed since it started, and its probes "
            "could not be compared any more; restore the files or start a new session"
        )


def require_same_conditions(night: NightRecord, now: ProbeRequest, folder: SessionFolder) -> None:
    """Make sure that the probes a night still needs can be compared with those it has.

    Args:
        night: What happened so far.
        now: A probe of the baseline on the search items, as it would be run now.
        folder: The session's, for the message.

    Raises:
        ComparabilityError: a library, the chat template or anything else that can change a score is another one now.
    """
    plans = (*(probe.plan for probe in night.probes), *night.open_plans.values())
    before = next((plan.request for plan in plans if plan.phase in ("calibrate", "search")), None)
    found: tuple[Difference, ...] = differences(before, now) if before is not None else _moved_libraries(night)
    if found:
        raise not_comparable(f"the probes of session `{folder.path}` and those that `resume` would run now", found)


def _moved_libraries(night: NightRecord) -> tuple[Difference, ...]:
    """Return what changed since a night wrote down its libraries without having run a probe."""
    before: Mapping[str, str | None] = night.started.provenance.get("libraries", {}) if night.started else {}
    known = {name: version for name in score_versions() if (version := before.get(name)) is not None}
    return differing(known, {name: score_versions()[name] for name in known})
