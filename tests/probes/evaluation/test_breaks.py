from probes.evaluation.breaks import ItemBreaks, breaks_per_category, breaks_per_item
from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.scorer import Scorer
from probes.outcome import SampleScore


def sample(item: str, value: float | None, cause: str = "", category: str = "voice", number: int = 0) -> SampleScore:
    components = {} if value is None else {"character_break": value}
    causes = {"character_break": cause} if cause else {}
    return SampleScore(
        item=item, category=category, sample=number, seed=1, score=5.0, components=components, causes=causes
    )


def test_breaks_are_counted_of_the_samples_that_were_marked() -> None:
    scores = [
        sample("a", 0.0, "first"),
        sample("b", 1.0),
        sample("a", 1.0),
        sample("a", 0.0, "second"),
        sample("a", None),
        sample("c", None),
    ]
    assert breaks_per_item(scores) == (ItemBreaks("a", "voice", 2, 3, "first"), ItemBreaks("b", "voice", 0, 1, ""))
    assert breaks_per_item(scores, "another") == ()


def test_categories_add_up_their_items() -> None:
    scores = [sample("a", 0.0), sample("a", 1.0), sample("b", 0.0), sample("c", 1.0, category="facts")]
    assert breaks_per_category(breaks_per_item(scores)) == {"voice": (2, 3), "facts": (0, 1)}


def test_what_the_scorer_writes_is_what_is_counted() -> None:
    scorer = Scorer.model_validate({"components": [{"kind": "character_break", "weight": 1.0}]})
    answers = ["As an AI, no.", "Aye.", "I am a language model."]
    scores: list[SampleScore] = []
    for number, answer in enumerate(answers):
        scored = scorer.score(Exchange(answer))
        scores.append(
            SampleScore(
                item="a",
                category="c",
                sample=number,
                seed=1,
                score=scored.score,
                components=scored.components,
                causes=scored.causes,
            )
        )
    assert breaks_per_item(scores) == (ItemBreaks("a", "c", 2, 3, "breaks character: 'As an AI, no.'"),)
