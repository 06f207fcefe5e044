"""What the answers of a night's probes tell of the instrument: lost scores, other models, answers alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tracking.finished import FinishedProbe


@dataclass
class AnswerTally:
    """How many answers of a category were asked for, how many have no score, and why."""

    asked: int = 0
    lost: int = 0
    causes: Counter[str] = field(default_factory=Counter[str])


@dataclass
class AnswersRecord:
    """The answers of all probes so far, counted; it keeps no text."""

    tallies: dict[str, AnswerTally] = field(default_factory=dict[str, AnswerTally])
    """Category → its answers in all probes but the one broken on purpose."""
    first_to_say: dict[str, FinishedProbe] = field(default_factory=dict[str, FinishedProbe])
    """Digest of all of a probe's answers → the first probe that gave them."""
    alike: dict[str, list[FinishedProbe]] = field(default_factory=dict[str, list[FinishedProbe]])
    """The same digest → all probes that gave them, where there are several; smoke runs are left out."""
    mismeasured: list[FinishedProbe] = field(default_factory=list[FinishedProbe])
    """Probes that another model answered."""
    unclear: list[FinishedProbe] = field(default_factory=list[FinishedProbe])
    """Probes whose adapter did too little for the server's canary to see."""

    def take(self, probe: FinishedProbe) -> None:
        """Take one more probe."""
        measured = probe.outcome.measured
        if probe.outcome.is_mismeasured:
            self.mismeasured.append(probe)
        if measured and measured.canary and measured.canary.closest == "unclear":
            self.unclear.append(probe)
        if probe.plan.arm == "broken":
            return
        for item in probe.outcome.items:
            tally = self.tallies.setdefault(item.category, AnswerTally())
            lost = sum(score is None for score in item.scores)
            tally.asked, tally.lost = tally.asked + len(item.scores), tally.lost + lost
            if lost:
                tally.causes[item.cause] += lost
        # After a quarter of the steps a small change may not have changed one answer yet.
        if measured is not None and probe.plan.phase != "smoke":
            first = self.first_to_say.setdefault(measured.answers, probe)
            if first is not probe:
                self.alike.setdefault(measured.answers, [first]).append(probe)
