"""What can be wrong with a measurement, apart from its noise: flags that make a figure doubtful or meaningless.

A wrong measurement looks like any other. Each check has a name that stays, so that machines can count them; a flag
that stops the night is one after which no decision would mean anything.
"""

from __future__ import annotations

from typing import Literal

from probes.frozen import Frozen

Check = Literal[
    "canary",
    "harm",
    "repeat",
    "base",
    "identical answers",
    "constant scores",
    "unscored",
    "infrastructure",
    "judge",
]
"""`canary`: the adapter asked for must be the one that answers. `harm`: a training broken on purpose must be clearly
worse. `repeat`: the same recipe and seed must measure the same. `base`: the untrained base as a control. `identical
answers`: different adapters must not answer word for word alike. `constant scores`: a metric that never moves measures
nothing. `unscored`: answers that left no score, with their cause. `infrastructure`: the same because of the server and
not of the model. `judge`: what the judge was heard to lack."""
INFRASTRUCTURE = "infrastructure: "
"""Begins the cause of an answer that is unscored because of how it was served."""


class Flag(Frozen):
    """One thing found wrong with the night's measurements."""

    check: Check
    subject: str
    """What it is about: a category, a probe, the session."""
    message: str
    """What was seen, why it matters, and the cure."""
    stops: bool = False
    """Whether the night's decisions would be meaningless."""
