"""Training rows as tokens, in the columns that TRL's trainers read after their own preparation."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# `datasets` ships no types.
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from probes.errors import DataError
from probes.recipe import Objective


@dataclass(frozen=True)
class TokenizedRow:
    """A prompt's tokens and what follows it, ends of turns included."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...] | None
    """None in SFT rows."""


class PreparedDataset(Dataset):
    """Rows that are ready to batch: the trainers' own preparation (templates, extra BOS and EOS, cuts) is a no-op.

    Every TRL trainer prepares its data through `map` and `filter`. Skipping both keeps our rendering the only one and
    saves hashing the model for the cache fingerprint.
    """

    def map(self, *args: Any, **kwargs: Any) -> PreparedDataset:
        """Return the rows as they are."""
        return self

    def filter(self, *args: Any, **kwargs: Any) -> PreparedDataset:
        """Return the rows as they are."""
        return self


def cut(row: TokenizedRow, max_length: int) -> TokenizedRow:
    """Return `row` with prompt plus answer at most `max_length` tokens long.

    Answers lose their end. A prompt that would leave them less than a quarter of the length loses its beginning, so
    that no row is without an answer.
    """
    prompt = row.prompt[-max(1, max_length - max_length // 4) :]
    room = max_length - len(prompt)
    rejected = None if row.rejected is None else row.rejected[:room]
    return TokenizedRow(prompt, row.chosen[:room], rejected)


def prepared(rows: Iterable[TokenizedRow], objective: Objective) -> PreparedDataset:
    """Return `rows`, in their order, in the columns of the objective's trainer.

    Raises:
        DataError: a preference objective got a row without a rejected answer.
    """
    dataset = PreparedDataset.from_list([_COLUMNS[objective](row) for row in rows])
    assert isinstance(dataset, PreparedDataset)
    return dataset


def _rejected(row: TokenizedRow) -> Sequence[int]:
    if row.rejected is None:
        raise DataError('a training row has no `rejected` answer; `orpo` and `dpo` need one, or set objective = "sft"')
    return row.rejected


def _orpo_columns(row: TokenizedRow) -> dict[str, list[int]]:
    columns = {"prompt_input_ids": list(row.prompt), "prompt_attention_mask": [1] * len(row.prompt)}
    for side, answer in (("chosen", row.chosen), ("rejected", _rejected(row))):
        columns[f"{side}_input_ids"] = [*row.prompt, *answer]
        columns[f"{side}_attention_mask"] = [1] * (len(row.prompt) + len(answer))
        columns[f"{side}_labels"] = [-100] * len(row.prompt) + list(answer)
    return columns


def _dpo_columns(row: TokenizedRow) -> dict[str, list[int]]:
    return {"prompt_ids": list(row.prompt), "chosen_ids": list(row.chosen), "rejected_ids": list(_rejected(row))}


def _sft_columns(row: TokenizedRow) -> dict[str, list[int]]:
    return {"input_ids": [*row.prompt, *row.chosen], "labels": [-100] * len(row.prompt) + list(row.chosen)}


_COLUMNS: dict[Objective, Callable[[TokenizedRow], dict[str, list[int]]]] = {
    "orpo": _orpo_columns,
    "dpo": _dpo_columns,
    "sft": _sft_columns,
}
