"""Character breaks: an answer in which the persona steps aside and the language model speaks.

The default phrases follow, in our own words, what people filter out of chat data (the phrase list of the data set
ShareGPT_Vicuna_unfiltered is the best known), less what it holds of refusals and morals. A break is the answer
naming itself an AI or a language model, its maker or product, its training, its knowledge cut-off, or what a program
cannot do. Refusals alone ("I cannot help with that") are not breaks: a persona may refuse. A persona that is itself a
machine, or talks about them, needs `use_defaults = false` and phrases of its own. How many samples of an item broke is
counted by `probes.evaluation.breaks`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probes.evaluation.scorers.component import AnswerComponent
from probes.evaluation.scorers.excerpt import excerpt
from probes.evaluation.scorers.exchange import Mark
from probes.evaluation.scorers.words import Regex, Words

_A_MACHINE = (
    r"(?:AI|A\.I\.|artificial intelligence|(?:large |AI )?language model|LLM|chat ?bot|neural network|"
    r"machine learning model|virtual assistant|digital assistant|computer program)"
)
_I_CANNOT = r"\bI(?: cannot| can['’]t|(?: am|['’]m) (?:not able|unable) to| do(?: not|n['’]t) have the ability to)"
_I_AM = r"(?:I am|I['’]m)(?: (?:just|only|merely|simply|actually|really|still|but|not a \w+ but))*"
_BREAKS = (
    rf"\bas (?:an?|your) (?:[\w-]+ ){{0,2}}?{_A_MACHINE}\b",
    rf"\b{_I_AM} an? (?:[\w-]+ ){{0,3}}?{_A_MACHINE}\b",
    r"\b(?:my|of my) (?:training data|knowledge cut-?off|training cut-?off|programming|developers|language model)\b",
    r"\bI(?: was| am| have been|['’]ve been) (?:trained|programmed|developed|created|made|built) by "
    r"(?:OpenAI|Anthropic|Google|DeepMind|Meta|Mistral|Alibaba|Microsoft)\b",
    r"\bI(?: was| am| have been|['’]ve been|['’]m) (?:trained on|programmed to|designed to assist)\b",
    r"\b(?:ChatGPT|GPT-?[345]\w*|OpenAI|Anthropic|DeepMind|Copilot|Alibaba Cloud)\b",
    _I_CANNOT
    + r" (?:browse|access the internet|access real-?time|search the (?:internet|web)|see images|open links)\b",
    r"\bI (?:do not|don['’]t) (?:have|possess) (?:any )?(?:personal |human |real |physical )+(?:experiences?|feelings?|"
    r"opinions?|emotions?|beliefs?|body|form|memories)\b",
    r"\bI (?:do not|don['’]t) have (?:access to )?real-?time\b",
    r"\b(?:in|for) this (?:role-?play|simulation|fictional scenario)\b",
    r"\bbreak(?:ing)? character\b|\bout of character\b",
)


class CharacterBreak(AnswerComponent):
    """0 when the persona breaks, 1 otherwise; silence keeps nobody in character."""

    kind: Literal["character_break"]
    use_defaults: bool = True
    """Look for the phrases of this module."""
    phrases: Words = ()
    """Further phrases, as whole words in any case."""
    pattern: Annotated[str, Field(min_length=1)] | None = None
    """A further regular expression; write `(?i)` for any case."""
    allowed: Words = ()
    """Phrases that are no break here, taken out of the answer first, say the name of a ship called Copilot."""

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if not (self.use_defaults or self.phrases or self.pattern):
            raise ValueError("needs `phrases` or a `pattern` where `use_defaults` is false")
        if self.pattern is not None:
            Regex(kind="regex", weight=1.0, pattern=self.pattern)
        return self

    def look(self, answer: str) -> Mark:
        """Return 0 or 1, with the break and what is around it."""
        text = _phrases(self.allowed).sub(" ", answer) if self.allowed else answer
        patterns = [_defaults()] if self.use_defaults else []
        patterns += [_phrases(self.phrases)] if self.phrases else []
        patterns += [re.compile(self.pattern)] if self.pattern else []
        for pattern in patterns:
            if found := pattern.search(text):
                return Mark(0.0, f"breaks character: '{excerpt(text, found.start())}'")
        return Mark(1.0)


@cache
def _defaults() -> re.Pattern[str]:
    return re.compile("|".join(_BREAKS), re.IGNORECASE)


@cache
def _phrases(phrases: Words) -> re.Pattern[str]:
    words = (r"\s+".join(re.escape(part) for part in phrase.split()) for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)
