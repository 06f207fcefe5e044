"""The shipped suites: every item tells a right answer from a wrong one, and knows what is right."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sandboxes import SandboxAids

import runner
from probes.evaluation.scorers.exchange import Exchange
from probes.evaluation.scorers.scorer import Scored
from probes.evaluation.suite import Item, count_items, read_suite, scan_suite
from probes.evaluation.suites.check import check_suite
from probes.sandbox.sandbox import Sandbox

FILES = sorted((Path(runner.__file__).parent / "suites").glob("*.jsonl"))
ITEMS = {item.id: item for item in read_suite(FILES)}
AIDS = SandboxAids(Sandbox(allow_unisolated=True))


def score(item: Item, answer: str) -> Scored:
    return item.scorer.score(Exchange(answer, messages=item.messages, tools=item.tools, aids=AIDS))


def test_five_suites_ship_and_nothing_is_wrong_with_them() -> None:
    assert [file.stem for file in FILES] == ["diffs", "function_calls", "json_output", "shell", "smoke_code"]
    found = check_suite(scan_suite(FILES))
    assert (found.items, found.problems, found.warnings) == (40, (), ())
    assert all(row == {"easy": 3, "medium": 3, "hard": 2} for row in count_items(tuple(ITEMS.values())).values())


@pytest.mark.parametrize("name", ITEMS)
def test_a_good_answer_gets_full_marks_and_a_bad_one_does_not(name: str) -> None:
    item = ITEMS[name]
    (good,), (bad,) = item.chosen, item.rejected
    assert score(item, good).score == 10.0, score(item, good).causes
    wrong = score(item, bad)
    assert wrong.score is not None
    assert wrong.score <= 4.0
    assert wrong.causes, "what is wrong is said"


@pytest.mark.parametrize("name", ITEMS)
def test_silence_and_the_question_itself_are_no_answers(name: str) -> None:
    item = ITEMS[name]
    # Where no call is wanted any words will do, the question's own included.
    for answer in ("",) if name == "call-thanks" else ("", item.prompt_text):
        found = score(item, answer).score
        assert found is not None
        assert found < 10.0


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to ask")
@pytest.mark.parametrize(
    "name", [name for name in ITEMS if "What does this Bash script print" in ITEMS[name].prompt_text]
)
def test_bash_itself_prints_what_the_shell_items_expect(name: str, tmp_path: Path) -> None:
    item = ITEMS[name]
    block = re.search(r"```bash\n(.*)\n```", item.prompt_text, re.DOTALL)
    assert block is not None
    done = subprocess.run(["bash", "-c", block.group(1)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == item.chosen[0]
