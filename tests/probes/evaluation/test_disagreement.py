from probes.evaluation.disagreement import Disagreement, disagreements
from probes.outcome import SampleScore


def sample(item: str, *, causes: dict[str, str] | None = None, **components: float) -> SampleScore:
    return SampleScore(item=item, category="c", sample=0, seed=1, score=5.0, components=components, causes=causes or {})


SCORES = [
    sample("near", words=0.9, judge=1.0),
    sample("far", words=0.0, judge=1.0, causes={"words": "no 'lamp'", "judge": "not asked"}),
    sample("far", words=0.5, judge=0.5),
    sample("same", words=0.3, judge=0.3),
    sample("crossed", words=1.0, judge=0.0, causes={"words": "not asked", "judge": "wrong"}),
    sample("crossed", words=0.0, judge=1.0),
    sample("half", words=0.0),
    sample("half", judge=1.0),
]


def test_items_come_with_the_furthest_apart_first_and_opposite_samples_do_not_cancel() -> None:
    found = disagreements(SCORES, "words", "judge")
    assert [one.item for one in found] == ["crossed", "far", "near"]
    assert found[0] == Disagreement("crossed", "c", 2, 0.5, 0.5, 1.0, "wrong")
    assert found[1] == Disagreement("far", "c", 2, 0.25, 0.75, 0.5, "no 'lamp'")


def test_small_distances_can_be_left_out_and_a_sample_that_one_did_not_mark_says_nothing() -> None:
    assert [one.item for one in disagreements(SCORES, "words", "judge", least=0.2)] == ["crossed", "far"]
    assert disagreements(SCORES, "words", "nobody") == ()
    assert disagreements([], "words", "judge") == ()


def test_swapping_the_two_swaps_their_means_alone() -> None:
    for one, other in zip(
        disagreements(SCORES, "words", "judge"), disagreements(SCORES, "judge", "words"), strict=True
    ):
        assert other == one._replace(one=one.other, other=one.one)
