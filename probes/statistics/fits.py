"""The search's fits: effects on the target and on every guard from all probes so far, within milliseconds.

Noise. The run-to-run variance is what least squares leaves over: replicates that differ and recipes whose effects do
not add up, so that a model that misfits knows less. An assumed or earlier variance counts as some degrees of freedom.
Rows that are all different leave nothing over, though large effects rarely add up: a score that levels off departs from
the sum by its second derivative times products of effects. So a first fit says how far the recipes move the metric, and
the misfit to be expected from that joins the noise of the second.

Time. Up to `WINDOW` runs are fitted together. Then the older half becomes the start of the next window: a joint normal
state of the level and of every change that was probed in the younger half; the others are integrated out exactly and
keep their last posterior. Where windows end depends on the number of runs alone, so that a fit rebuilt from the ledger
gives what the running one gave.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from probes.statistics.companions import Companion, Signals, borrow, choose_companion, read_signals
from probes.statistics.design import Array, Design, Split
from probes.statistics.effects import Effects, Prior
from probes.statistics.noise import paired_correlation
from probes.statistics.race import TAIL_SETTLED, Beliefs, Information, gather, places, posterior
from probes.statistics.runs import Run, check_run
from probes.statistics.verdicts import CompanionUse

WINDOW = 256
"""Most runs fitted together; a night has fewer."""
ROUGHLY = 5e-2
"""How far the first of two fits settles: it only says how far the recipes move the metric."""
LEAST_PAIRS_CORRELATION = 0.2
"""Same-seed pairing is used only when runs with equal seeds were seen to move together."""


@dataclass(frozen=True)
class KnownNoise:
    """A run-to-run sd known or assumed before the night."""

    sd: float
    df: float
    """Its weight in degrees of freedom."""


@dataclass(frozen=True)
class Question:
    """What the search wants to know of one metric."""

    metric: str
    """Category, `overall` or `critical_failures`."""
    prior: Prior
    noise: KnownNoise
    allowance: float = 1.0
    """Factor on the measured sd, for what changes do to one another."""
    curvature: float = 0.0
    """Points of misfit for each squared point by which a recipe's changes move the metric."""
    is_paired: bool = False
    """Use the correlation of runs that share a train seed, once it is measured."""


@dataclass(frozen=True)
class Fitted:
    """The fit of one metric."""

    effects: Effects
    noise_sd: float
    """The run-to-run sd with what is allowed for misfit."""
    companion: Companion | None
    variance_saved: float
    """Share of a change's sampling variance that the companion takes away, mean over changes."""


@dataclass
class _Past:
    """What the windows before this one left of one metric."""

    effects: Effects | None = None
    squares: float = 0.0
    df: int = 0
    pairing: float | None = None


class SearchFits:
    """Fits of several metrics over a growing list of runs."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = {question.metric: question for question in questions}
        self._past = {question.metric: _Past() for question in questions}
        self._recent: list[Run] = []
        self._fitted: dict[str, Fitted] = {}
        self._window: _Window | None = None

    def take(self, runs: Iterable[Run]) -> None:
        """Add runs in order of their probes' numbers.

        Raises:
            DataError: a run was not measured as the others were.
        """
        for run in runs:
            check_run(run, self._recent[0].categories if self._recent else run.categories, *self._questions)
            self._recent.append(run)
            if len(self._recent) == WINDOW:
                self._fold()
            self._fitted, self._window = {}, None

    def effects(self, metric: str) -> Effects:
        """Return the posterior of all effects on a metric."""
        return self.fitted(metric).effects

    def run_sd(self, metric: str) -> float:
        """Return the run-to-run sd of a metric, with nothing allowed for misfit."""
        return self._present().run_sd(self._questions[metric], self._past[metric])

    def fitted(self, metric: str) -> Fitted:
        """Return the whole fit of a metric, computed once per state."""
        if metric not in self._fitted:
            past = self._past[metric]
            pairing = past.pairing
            if pairing is None and self._questions[metric].is_paired:
                pairing = _usable(paired_correlation(self._recent, metric))
            self._fitted[metric] = self._present().fit(self._questions[metric], past, pairing or 0.0)
        return self._fitted[metric]

    def companion_use(self, metric: str) -> CompanionUse:
        """Return what the companions did for a metric, for the report."""
        return _use(self.fitted(metric), self._present().signals.left_out)

    def _present(self) -> _Window:
        """Return the window of the runs at hand, laid out once per state."""
        self._window = self._window or _Window(self._recent, list(self._questions))
        return self._window

    def _fold(self) -> None:
        older, younger = self._recent[: WINDOW // 2], self._recent[WINDOW // 2 :]
        window = _Window(older, list(self._questions))
        for metric, question in self._questions.items():
            past = self._past[metric]
            if past.pairing is None:
                past.pairing = _usable(paired_correlation(self._recent, metric)) if question.is_paired else 0.0
            effects = window.fit(question, past, past.pairing).effects
            past.effects = effects.keep({name for run in younger for name in run.changes})
            past.squares += window.squares(metric)
            past.df += window.split.df
        self._recent = younger


class _Window:
    """Runs fitted together, and what all metrics share: design, least squares, companions."""

    def __init__(self, runs: Sequence[Run], metrics: Sequence[str]) -> None:
        self.design = Design.of([run.changes for run in runs])
        self.signals: Signals = read_signals(runs)
        self._seeds = [run.seed for run in runs]
        self._metrics = {name: i for i, name in enumerate(metrics)}
        self._companions = {name: len(metrics) + i for i, name in enumerate(self.signals.values)}
        scores = np.array([[run.metric(name) for name in metrics] for run in runs]).reshape(len(runs), len(metrics))
        self._values = np.column_stack([scores, *self.signals.values.values()])
        self.split: Split = self.design.split(self._values)
        self._gathered: dict[float, Array] = {}

    def squares(self, metric: str) -> float:
        """Return the residual sum of squares of a metric."""
        return float(self.split.residual_M_M[self._metrics[metric], self._metrics[metric]])

    def run_sd(self, question: Question, past: _Past) -> float:
        """Return what least squares leaves over, with the assumed or earlier noise and what earlier windows left."""
        known, df = question.noise, past.df + self.split.df
        squares = known.df * known.sd**2 + past.squares + self.squares(question.metric)
        return sqrt(squares / (known.df + df)) if squares > 0 else known.sd

    def fit(self, question: Question, past: _Past, pairing: float) -> Fitted:
        """Fit one metric on top of what earlier windows left."""
        start = past.effects
        names = tuple(sorted({*self.design.names, *(start.names if start is not None else ())}))
        beliefs = Beliefs.of(names, question.prior, start)
        noise_sd = question.allowance * self.run_sd(question, past)
        if not question.curvature:
            return self._fit_at(question.metric, beliefs, pairing, noise_sd)
        first = self._fit_at(question.metric, beliefs, pairing, noise_sd, settled=ROUGHLY)
        misfit = question.curvature * self._moved(first.effects)
        return self._fit_at(question.metric, beliefs, pairing, hypot(noise_sd, misfit), first.effects)

    def _moved(self, effects: Effects) -> float:
        """Return the sum of a recipe's squared effects, mean over the recipes that change anything."""
        changes_R_C = self.design.rows_R_C[:, 1:]
        changed = changes_R_C.any(axis=1)
        squares_C = effects.mean[places(self.design.names, effects.names)[1:]] ** 2
        return float((changes_R_C[changed] @ squares_C).mean()) if changed.any() else 0.0

    def _fit_at(
        self,
        metric: str,
        beliefs: Beliefs,
        pairing: float,
        noise_sd: float,
        guess: Effects | None = None,
        settled: float = TAIL_SETTLED,
    ) -> Fitted:
        """Fit one metric with noise of a known sd; `guess`: the fit with another one."""
        at = places(self.design.names, beliefs.names)
        pairs = {
            name: self.split.pair(self._metrics[metric], self._companions[name])
            for name in self.signals.serving(metric)
        }
        companion = choose_companion(self.design, pairs, noise_sd, beliefs.centre_C[at[1:]])
        information, saved = self._information(metric, noise_sd, companion, pairing)
        wider = information.among(at, len(beliefs.centre_C))
        return Fitted(posterior(wider, beliefs, guess, settled), noise_sd, companion, saved)

    def _information(
        self, metric: str, noise_sd: float, companion: Companion | None, pairing: float
    ) -> tuple[Information, float]:
        if pairing not in self._gathered:
            self._gathered[pairing] = gather(self.design, self._seeds, self._values, pairing)
        gathered, width = self._gathered[pairing], self.design.rows_R_C.shape[1]
        cross, score = gathered[:, :width], gathered[:, width + self._metrics[metric]]
        alone = Information(cross / noise_sd**2, score / noise_sd**2)
        if companion is None:
            return alone, 0.0
        beside = gathered[:, width + self._companions[companion.name]]
        matrix, weighted = borrow(companion, noise_sd, cross, score, beside)
        saved = 1 - np.diag(alone.matrix_C_C)[1:] / np.diag(matrix)[1:]
        return Information(matrix, weighted), float(saved.mean()) if saved.size else 0.0


def _usable(correlation: float | None) -> float:
    return correlation if correlation is not None and correlation >= LEAST_PAIRS_CORRELATION else 0.0


def _use(fitted: Fitted, left_out: Mapping[str, str]) -> CompanionUse:
    companion = fitted.companion
    if companion is None:
        return CompanionUse(left_out=dict(left_out))
    return CompanionUse(
        name=companion.name,
        correlation=companion.correlation,
        interval=companion.interval(),
        variance_saved=fitted.variance_saved,
        left_out=dict(left_out),
    )
