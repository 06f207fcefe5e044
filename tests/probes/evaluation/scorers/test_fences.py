import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.evaluation.scorers.fences import Block, extract, fenced_blocks


def test_blocks_come_in_order_with_their_language() -> None:
    answer = "First:\n```Python title=x\na = 1\n\nb = 2\n```\nthen\n~~~\nplain\n~~~\nend"
    assert fenced_blocks(answer) == [Block("python", "a = 1\n\nb = 2\n", True), Block("", "plain\n", True)]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("````md\n```\ninner\n```\n````", "```\ninner\n```\n"),
        ("```\n~~~\n```", "~~~\n"),
        ("~~~\n```\n~~~", "```\n"),
        ("```\n```python\nx\n```", "```python\nx\n"),
        ("1. do\n    ```\n    a\n      b\n    ```", "a\n  b\n"),
        ("  ```\n a\nb\n  ```", "a\nb\n"),
        ("```{.python}\nx\n```", "x\n"),
        ("```\n```", ""),
        ("```\r\nx\r\n```\r\n", "x\n"),
    ],
)
def test_fences_are_read_as_commonmark_reads_them(answer: str, text: str) -> None:
    (block,) = fenced_blocks(answer)
    assert (block.text, block.is_closed) == (text, True)


def test_a_fence_that_never_closes_runs_to_the_end() -> None:
    assert fenced_blocks("so:\n```js\nlet a") == [Block("js", "let a\n", False)]


@pytest.mark.parametrize("answer", ["", "``x``", "```inline```", "text ```", "`` ` ``"])
def test_code_within_a_line_is_no_block(answer: str) -> None:
    assert fenced_blocks(answer) == []


TWO = "```bash\nls\n```\n```\nplain\n```\n```py\nx\n```"


def test_the_asked_language_comes_first_then_none_then_any() -> None:
    assert extract(TWO, "either", ("python", "py")) == "x\n"
    assert extract(TWO, "either", ("bash",)) == "ls\n"
    assert extract(TWO, "either", ("typescript",)) == "plain\n"
    assert extract("```bash\nls\n```", "either", ("typescript",)) == "ls\n"


def test_where_says_what_counts_when_there_is_no_block() -> None:
    assert extract("x = 1", "either", ()) == "x = 1"
    assert extract("x = 1", "answer", ()) == "x = 1"
    assert extract("x = 1", "block", ()) is None
    assert extract(TWO, "answer", ("bash",)) == TWO


@given(st.text(alphabet="`~ \na{", max_size=60))
def test_any_text_has_blocks_and_only_the_last_may_be_open(answer: str) -> None:
    blocks = fenced_blocks(answer)
    assert all(block.is_closed for block in blocks[:-1])
    if "~~~" not in answer:  # after a fence of tildes a language may hold a backtick
        assert all("`" not in block.language for block in blocks)
