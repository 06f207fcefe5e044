from hypothesis import given
from hypothesis import strategies as st

from probes.evaluation.scorers.excerpt import excerpt


def test_an_excerpt_is_one_line_and_says_what_it_leaves_out() -> None:
    assert excerpt("a\n\tb\x00c") == "a b c"
    assert excerpt("x" * 100) == "x" * 59 + "…"
    assert excerpt("before here", 7) == "…here"
    assert excerpt("  here", 2) == "here"
    assert excerpt("a" + " " * 500) == "a"
    assert excerpt("a" + " " * 500 + "b") == "a…"


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(0, 400), st.integers(2, 80))
def test_it_is_never_longer_than_asked_and_can_be_written_down(text: str, start: int, width: int) -> None:
    piece = excerpt(text, start, width)
    assert len(piece) <= width + 1
    assert len(piece.splitlines()) <= 1
    piece.encode()
