"""The error tree.

    NightlabError
    ├── ConfigError        a session file, an override or a recipe breaks a rule         (exit 2)
    ├── DataError          a row, a suite or a model folder cannot be used               (exit 2)
    │   └── ComparabilityError   probes measured under different conditions were to be compared
    ├── LaunchError        the environment is not ready: worker, device, disk, server    (exit 3)
    ├── LedgerError        the session's record cannot be read or written                (exit 4)
    ├── MeasurementError   another model answered, or no decision would mean anything     (exit 4)
    └── ModelReplyError    a language model's answer cannot be used

A failed probe is *not* here: it is a result with a status (see `probes.outcome`).
"""

from __future__ import annotations


class NightlabError(Exception):
    """Root of everything nightlab raises on purpose. Messages name the thing, the rule, the value and the cure."""

    exit_code = 4


class ConfigError(NightlabError):
    """A session file, a command-line override or a recipe breaks a rule."""

    exit_code = 2


class DataError(NightlabError):
    """A training row, a suite item or a model folder cannot be used."""

    exit_code = 2


class ComparabilityError(DataError):
    """Probes measured under different conditions were to be compared; the message names what differs."""


class LaunchError(NightlabError):
    """The environment is not ready: no worker could start, no disk, no server."""

    exit_code = 3


class LedgerError(NightlabError):
    """The session's record cannot be read or written."""


class MeasurementError(NightlabError):
    """The instrument is broken: another model answered, or no decision on what was measured would mean anything."""


class ModelReplyError(NightlabError):
    """A language model's answer cannot be used."""

    requests = 0
    """Sent for it, as far as is known."""
    unpriced = 0
    """Of these, what a provider may bill though no reply said what it took."""
