"""Blocks: several changes estimated together, each on in half of the probes.

Twelve probes of a Plackett–Burman design estimate up to eleven changes with the variance of a comparison of six with
six, where one change at a time would need twelve probes each (Plackett and Burman, Biometrika 33, 1946). The price is
aliasing: a main effect carries a third of every interaction between two other changes, and a fold-over, which repeats
the block with every change the other way round, takes that out (Box and Wilson 1951). Changes accepted earlier go on
being toggled, so that they are tested further and the level stays away from saturation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probes.frozen import Frozen

PLACES, ROWS = 11, 12
"""Changes and probes of a block."""
LEAST_FACTORS = 4
"""Fewer changes are raced: a block would cost as many probes and learn no more."""
DRAWS = 200
"""Random columns tried for an accepted change that finds no place in the design."""
_GENERATOR = (1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1)

Columns = Mapping[str, NDArray[np.bool_]]


class Block(Frozen):
    """Which changes are in the recipe of which probe."""

    number: int
    """1, 2, … in the order of the night."""
    factors: tuple[str, ...]
    """Candidates that the block is run for."""
    toggled: tuple[str, ...] = ()
    """Accepted changes that are in half of the rows."""
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
    number: int,
    factors: Sequence[str],
    toggled: Sequence[str] = (),
    fixed: Sequence[str] = (),
    seed: int = 0,
    folded: bool = False,
) -> Block:
    """Return a block over `factors`.

    Factors take the design's columns and accepted changes the columns left over; beyond eleven, an accepted change gets
    the balanced random column that overlaps least with the others.

    Args:
        number: The block's number.
        factors: 1 to 11 candidates.
        toggled: Accepted changes, in order of acceptance.
        fixed: Accepted changes that stay on, in order of acceptance.
        seed: Of the order of columns and of random columns.
        folded: Run the mirrored rows too, 24 probes in all.
    """
    assert 1 <= len(factors) <= PLACES
    chance = np.random.default_rng(seed)
    design = plackett_burman()[:, chance.permutation(PLACES)] > 0
    names = [*factors, *toggled]
    columns = {name: design[:, i] for i, name in enumerate(names[:PLACES])}
    for name in names[PLACES:]:
        columns[name] = _freest_column(columns, chance)
    if folded:
        columns = {name: np.concatenate([on, ~on]) for name, on in columns.items()}
    ordered = [*fixed, *toggled, *factors]
    rows = tuple(
        tuple(name for name in ordered if name in fixed or columns[name][row])
        for row in range(2 * ROWS if folded else ROWS)
    )
    return Block(
        number=number,
        factors=tuple(factors),
        toggled=tuple(toggled),
        fixed=tuple(fixed),
        rows=rows,
        folded=folded,
        aliasing=_aliasing(columns, folded),
    )


def overlap(columns: Columns) -> tuple[float, tuple[str, str] | None]:
    """Return the largest correlation between two columns and which ones, (0, None) when all are orthogonal."""
    names = list(columns)
    worst, pair = 0.0, None
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            shared = abs(float(np.mean(_signs(columns[one]) * _signs(columns[other]))))
            if shared > worst + 1e-9:
                worst, pair = shared, (one, other)
    return worst, pair


def _freest_column(columns: Columns, chance: np.random.Generator) -> NDArray[np.bool_]:
    taken = np.array([_signs(column) for column in columns.values()])
    half = np.arange(ROWS) < ROWS // 2
    draws = [chance.permutation(half) for _ in range(DRAWS)]
    return min(draws, key=lambda column: float(np.square(taken @ _signs(column)).sum()))


def _aliasing(columns: Columns, folded: bool) -> str:
    worst, pair = overlap(columns)
    shared = f"; {pair[0]} and {pair[1]} are on together with correlation {worst:.2f}" if pair else ""
    if folded:
        return f"folded over: no main effect carries an interaction of two others{shared}"
    return f"each effect carries a third of every interaction between two other changes{shared}"


def _signs(column: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(column, 1.0, -1.0)
