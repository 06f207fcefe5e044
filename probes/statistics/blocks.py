"""Blocks: several changes estimated together, each on in half of the probes.

Twelve probes of a Plackett–Burman design estimate up to eleven changes with the variance of a comparison of six with
six, where one change at a time would need twelve probes each (Plackett and Burman, Biometrika 33, 1946). The price is
aliasing: a main effect carries a third of every interaction between two other changes, and a fold-over, which repeats
the block with every change the other way round, takes that out (Box and Wilson 1951).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probes.frozen import Frozen

PLACES, ROWS = 11, 12
"""Changes and probes of a block."""
LEAST_FACTORS = 4
"""Fewer changes are raced: a block would cost as many probes and learn no more."""
FOLDED = "folded over: no main effect carries an interaction of two others"
UNFOLDED = "each effect carries a third of every interaction between two other changes"
_GENERATOR = (1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1)


class Block(Frozen):
    """Which changes are in the recipe of which probe."""

    number: int
    """1, 2, … in the order of the night."""
    factors: tuple[str, ...]
    """Candidates that the block is run for."""
    fixed: tuple[str, ...] = ()
    """Accepted changes that are in every row, because another one starts from them."""
    rows: tuple[tuple[str, ...], ...]
    """For each probe the changes in its recipe, in the order in which they apply."""
    kind: Literal["plackett_burman", "chosen"] = "plackett_burman"
    """`chosen`: a few rows picked where the fit is undecided (`probes.statistics.rows`)."""
    folded: bool = False
    """Whether the second half mirrors the first."""
    aliasing: str
    """What the block cannot tell apart, in one sentence."""


def plackett_burman() -> NDArray[np.float64]:
    """Return the 12 × 11 design, -1 and 1: cyclic shifts of the generator, then a row of all lows."""
    generator = np.array(_GENERATOR, dtype=np.float64)
    return np.vstack([*(np.roll(generator, shift) for shift in range(PLACES)), -np.ones(PLACES)])


def design_block(
    number: int, factors: Sequence[str], fixed: Sequence[str] = (), seed: int = 0, folded: bool = False
) -> Block:
    """Return a block over `factors`.

    Args:
        number: The block's number.
        factors: 1 to 11 candidates.
        fixed: Accepted changes that stay on, in order of acceptance.
        seed: Of the order of columns.
        folded: Run the mirrored rows too, 24 probes in all.
    """
    assert 1 <= len(factors) <= PLACES
    design = plackett_burman()[:, np.random.default_rng(seed).permutation(PLACES)] > 0
    if folded:
        design = np.vstack([design, ~design])
    rows = tuple((*fixed, *(name for name, on in zip(factors, row, strict=False) if on)) for row in design)
    return Block(
        number=number,
        factors=tuple(factors),
        fixed=tuple(fixed),
        rows=rows,
        folded=folded,
        aliasing=FOLDED if folded else UNFOLDED,
    )
