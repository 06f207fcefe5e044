"""The journal: what a candidate is as a hypothesis, what became of it, and what cancels its next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes_memory import tonight_like, write_night
from fakes_night import NightWriter, baseline, make_night

from probes.candidate import Candidate, Change
from tracking import events as ev
from tracking.journal import Hypothesis, in_words, journal, premises
from tracking.memory.learn import learn
from tracking.memory.remembered import remember
from tracking.night import NightRecord


def by_name(events: list[ev.Event]) -> dict[str, Hypothesis]:
    return {each.candidate: each for each in journal(NightRecord.replay(events))}


def chained(*moves: tuple[str, ...]) -> list[ev.Event]:
    """Return a night whose c02 starts from what c01 set, and that accepts `moves` one after the other."""
    night = NightWriter()
    night.start()
    night.calibrate()
    recipe = baseline()
    for name, before, after in (("c01", 0.005, 0.01), ("c02", 0.01, 0.02), ("c03", 0.005, 0.007)):
        change = Change(lane="hyperparameters", knob="learning_rate", before=before, after=after)
        found = Candidate(id=name, change=change, parent=recipe.fingerprint, recipe=recipe, proposer="optuna")
        night.add(ev.CandidateProposed(at=night.at(), candidate=found))
        decision = "park" if name == "c03" else "accept"
        night.add(ev.CandidateDecided(at=night.at(), candidate=name, reading=night.reading(0.5, 0.9, decision, [], 2)))
        if name == "c01":
            night.add(ev.WorkingRecipeMoved(at=night.at(), accepted=("c01",), recipe=recipe))
    for accepted in moves:
        night.add(ev.WorkingRecipeMoved(at=night.at(), accepted=accepted, recipe=recipe))
    parked = night.reading(0.5, 0.9, "park", [], 2).model_copy(update={"reason": "what it started from has left"})
    night.add(ev.CandidateDecided(at=night.at(), candidate="c02", reading=parked))
    return night.events


def test_every_candidate_of_a_finished_night_has_likelihood_evidence_next_step_and_fate() -> None:
    found = by_name(make_night("claim"))
    assert {name: each.fate for name, each in found.items()} == {
        "c01": "claimed together",
        "c02": "given up",
        "c03": "given up",
        "c04": "claimed together",
        "c05": "harmful",
        "c06": "parked",
        "c07": "parked",
    }
    first = found["c01"]
    assert (first.statement, first.is_generated) == ("Raises the step size.", False)
    assert first.likelihood is not None
    assert first.likelihood > 0.9
    assert found["c05"].evidence.guards_harmed == ("anachronism_trap",)
    assert all(each.next_step and each.reason for each in found.values())


def test_the_evidence_is_every_scored_search_probe_with_the_change_in_it() -> None:
    night = NightRecord.replay(make_night("claim"))
    for each in journal(night):
        probes = [p for p in night.probes if each.candidate in p.plan.changes and p.plan.phase == "search"]
        assert each.evidence.probes == tuple(p.plan.number for p in probes)
        assert len(each.evidence.probes) == night.seen[each.candidate]


def test_a_step_whose_premise_left_the_working_recipe_is_cancelled() -> None:
    stands = by_name(chained(("c01", "c02")))
    assert (stands["c02"].premise, stands["c02"].fate) == ("c01", "holds")
    fell = by_name(chained(("c01", "c02"), ()))
    assert fell["c02"].fate == "cancelled"
    assert "c01" in fell["c02"].next_step
    assert (fell["c01"].premise, fell["c01"].fate) == (None, "parked")
    assert (fell["c03"].premise, fell["c03"].fate) == (None, "parked"), "it starts from the baseline"


def test_only_what_was_accepted_can_be_a_premise() -> None:
    assert premises(NightRecord.replay(chained())) == {"c02": "c01"}
    assert premises(NightRecord.replay(make_night("claim"))) == {}


def test_a_hypothesis_taken_up_again_says_why() -> None:
    events = make_night("interrupted")
    again = ev.CandidateRevisited(at=events[-1].at, candidate="c06", reason="c04 entered the working recipe since")
    found = by_name([*events[:-1], again])["c06"]
    assert found.taken_up == ("c04 entered the working recipe since",)
    assert (found.fate, found.next_step) == ("open", "replicate 5")


def test_an_unread_candidate_waits_for_its_first_probe() -> None:
    events = make_night("claim")
    proposed = next(i for i, event in enumerate(events) if isinstance(event, ev.CandidateProposed))
    found = by_name(events[: proposed + 1])["c01"]
    assert (found.fate, found.likelihood, found.next_step) == ("open", None, "its first probe")


def test_a_move_of_an_earlier_night_is_shown_beside_tonights(tmp_path: Path) -> None:
    events = write_night(tmp_path / "a")
    earlier = learn(tonight_like(events, tmp_path / "a"), [remember(NightRecord.replay(events), "p")])
    tonight = make_night("claim")
    read = ev.EarlierNightsRead(at=tonight[0].at, earlier=earlier)
    found = by_name([tonight[0], read, *tonight[1:]])
    assert [(each.session, each.outcome) for each in found["c03"].before] == [("a", "collapsed")]


@pytest.mark.parametrize(
    ("lane", "knob", "before", "after", "words"),
    [
        ("data_mix", "letters", 1, 3, "more letters rows (1 → 3) raise voice"),
        ("data_mix", "letters", 2, 1, "fewer letters rows (2 → 1) raise voice"),
        ("curriculum", "order", "shuffle", "easy_first", "showing easy rows first raises voice"),
        ("hyperparameters", "learning_rate", 0.005, 0.01, "a higher learning rate (0.005 → 0.01) raises voice"),
        ("hyperparameters", "beta", 0.1, 0.09, "a lower beta (0.1 → 0.09) raises voice"),
        ("hyperparameters", "system_prompt", "", "Be brief.", "system prompt Be brief. instead of none raises voice"),
        ("hyperparameters", "use_dora", False, True, "use dora True instead of False raises voice"),
    ],
)
def test_a_change_without_words_becomes_a_plain_sentence(
    lane: Any, knob: str, before: Any, after: Any, words: str
) -> None:
    assert in_words(Change(lane=lane, knob=knob, before=before, after=after), "voice") == words
