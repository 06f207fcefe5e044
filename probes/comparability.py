"""Which probes may be compared: only those measured under equal conditions.

A difference between two probes is a finding about their recipes only when everything else was the same: the base model,
the items asked and how they add up to the overall, how often and with which generation parameters, the serving mode,
the chat template, the step budget and the library versions. Seed, recipe and training data are what a night varies;
they may differ. Search and held-out items are two suites, so their probes do not mix either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from probes.aggregation import aggregation_in_words
from probes.errors import ComparabilityError
from probes.frozen import digest_of
from probes.request import ProbeRequest

CURES = {
    "step budget": "measure both at the same `probe.steps`",
    "suite": "score both on the same items: another version of a suite is another measurement",
    "category weights": "form both overalls by the same `suite.aggregation`",
    "samples": "measure both with the same `suite.samples`",
    "serving mode": "serve both in the same way",
    "backend": "let the same backend answer both",
    "chat template": "use the same `model.chat_template`",
    "base model": "compare adapters of one base model",
}
"""Condition → what would make the probes comparable."""
UNSAID = {"category weights": aggregation_in_words(None)}
"""Condition → what holds where a record does not name it."""


class Difference(NamedTuple):
    """One condition in which two probes differ."""

    name: str
    one: str
    other: str

    def __str__(self) -> str:
        """Return the difference as messages write it."""
        return f"{self.name} {self.one} against {self.other}"


def conditions(request: ProbeRequest) -> dict[str, str]:
    """Return what must be equal for two probes to be compared: condition → value in words."""
    found = {
        "base model": request.base_model.digest,
        "chat template": request.recipe.chat_template,
        "step budget": str(request.recipe.steps),
        "suite": f"{request.suite.digest} ({request.split.replace('_', '-')})",
        "samples": str(request.samples),
        "serving mode": request.serving_mode,
        "backend": request.backend,
    }
    found |= {f"generation {name}": str(value) for name, value in request.generation.model_dump().items()}
    if request.weights is not None:
        found["category weights"] = aggregation_in_words(request.weights)
    # The template's content travels with the versions when it is a file, see `runner.planning`.
    return found | {name.replace("_", " "): version for name, version in sorted(request.versions.items())}


def conditions_key(request: ProbeRequest) -> str:
    """Return 16 hex digits that name the set of probes this one may be compared with."""
    return digest_of(conditions(request))


def differences(one: ProbeRequest, other: ProbeRequest) -> tuple[Difference, ...]:
    """Return every condition in which two probes differ, empty when they may be compared."""
    return differing(conditions(one), conditions(other))


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return the conditions that are not equal; one that only one side knows is `unknown` on the other."""
    names = dict.fromkeys((*one, *other))
    pairs = ((name, *(side.get(name, UNSAID.get(name, "unknown")) for side in (one, other))) for name in names)
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def require_comparable(requests: Iterable[ProbeRequest], what: str) -> None:
    """Make sure that all probes were measured under the conditions of the first.

    Args:
        requests: The probes about to be compared.
        what: Their name in the message, in the plural.

    Raises:
        ComparabilityError: two of them differ in something other than seed, recipe and training data.
    """
    first: dict[str, str] | None = None
    for request in requests:
        own = conditions(request)
        first = first or own
        if own != first:
            raise not_comparable(what, differing(first, own))


def not_comparable(what: str, found: Iterable[Difference]) -> ComparabilityError:
    """Return the refusal that names every difference, both values and the cure."""
    found = tuple(found)
    cures = dict.fromkeys(CURES.get(each.name, f"use the same {each.name} for both") for each in found)
    return ComparabilityError(
        f"{what} cannot be compared: {'; '.join(str(each) for each in found)}. Only probes with equal step budget, "
        f"suite, samples, generation parameters, serving mode, template, base model and library versions can; "
        f"{'; '.join(cures)}"
    )
