"""What training rows are made of, and what a data mix makes of them: for a reader before the night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from probes.data.composition import Composition, composition, composition_warnings
from probes.data.contrast import Contrast, contractions_per_answer, generator_shares, on_policy_share
from probes.data.mix import MixCounts, apply_mix, reconcile
from probes.data.rows import Row, row_warnings
from probes.recipe import DataMix


class Authors(NamedTuple):
    """Who wrote the answers to avoid."""

    tag: str
    shares: dict[str, float]
    """Generator → share of all rows; rows that do not say are `(none)`."""
    on_policy: float | None
    """Share, among the rows that say, of those by the model to be trained; None: none says, or nobody was named."""


class DataStats(NamedTuple):
    """Counts of a training set, plain and mixed."""

    files: dict[str, int]
    """File → rows."""
    plain: Composition
    mixed: Composition
    mix: MixCounts
    """What each rule asked for and got."""
    contrast: Contrast
    authors: Authors
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the statistics for machines."""
        rules = [rule._asdict() for rule in self.mix.rules]
        return {
            **self._asdict(),
            "mix": {**self.mix._asdict(), "rules": rules, "gap": self.mix.gap},
            "contrast": self.contrast._asdict(),
            "authors": self.authors._asdict(),
            "warnings": list(self.warnings),
        }


def data_stats(
    rows: Sequence[Row],
    mix: DataMix,
    seed: int = 0,
    generator: str = "generator",
    own: Collection[str] = (),
    guards: Sequence[str] = (),
) -> DataStats:
    """Return what `rows` and their mix hold.

    Args:
        rows: At least one.
        mix: The data mix; without rules it leaves the rows as they are.
        seed: Decides which rows a fraction of a copy goes to.
        generator: Tag that says who wrote a row's answers.
        own: Its values that mean the model to be trained.
        guards: Categories that should not be left without rows.

    Raises:
        DataError: a rule matches no row, or the mix is empty.
    """
    mixed = apply_mix(rows, mix, seed)
    share = on_policy_share(rows, own, generator) if own else None
    return DataStats(
        files=dict(Counter(row.file for row in rows)),
        plain=composition(rows),
        mixed=composition(mixed),
        mix=reconcile(rows, mix, mixed),
        contrast=contractions_per_answer(rows),
        authors=Authors(generator, generator_shares(rows, generator), share),
        warnings=(*row_warnings(rows), *composition_warnings(rows, mixed, guards)),
    )
