"""What a session's judge lacks, found before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from probes.errors import ConfigError
from probes.evaluation.judging.config import JudgeConfig
from probes.evaluation.scorers.judge import Judged
from probes.evaluation.suite import Item
from probes.language_models.config import read_key


def check_judge(items: Iterable[Item], config: JudgeConfig | None, environ: Mapping[str, str]) -> None:
    """Make sure that every item with a component of kind `judge` could be judged.

    Raises:
        ConfigError: there is no judge, or no rubric of a name that an item uses.
        LaunchError: the judge's key is missing.
    """
    judged = [(item.id, part) for item in items for part in item.scorer.components if isinstance(part, Judged)]
    if not judged:
        return
    first = judged[0][0]
    if config is None:
        raise ConfigError(
            f"{len(judged)} items have a scorer of kind `judge` (the first is `{first}`) and the session has no judge; "
            "add a `[judge]` section with `provider` and `model`"
        )
    for item, part in judged:
        if isinstance(part.rubric, str) and part.rubric not in config.rubrics:
            raise ConfigError(
                f"item `{item}` is judged by rubric `{part.rubric}`, and `[judge.rubrics]` has "
                f"{', '.join(f'`{name}`' for name in config.rubrics)}; add it, or correct the item"
            )
    read_key(config, environ)
