"""In what two recipes differ: for tests that count the changes of a proposal."""

from __future__ import annotations

from probes.recipe import DataMix, Recipe


def changed_fields(before: Recipe, after: Recipe) -> tuple[str, ...]:
    """Return the names of what differs: recipe fields, `mix.<rule>` and `curriculum.<field>`, in recipe order."""
    changed: list[str] = []
    for name in Recipe.model_fields:
        one, other = getattr(before, name), getattr(after, name)
        if one == other:
            continue
        if name == "mix":
            changed += _changed_rules(one, other)
        elif name == "curriculum":
            fields = type(before.curriculum).model_fields
            changed += [f"curriculum.{field}" for field in fields if getattr(one, field) != getattr(other, field)]
        else:
            changed.append(name)
    return tuple(changed)


def _changed_rules(before: DataMix, after: DataMix) -> list[str]:
    one, other = ({rule.name: rule for rule in mix.rules} for mix in (before, after))
    changed = [f"mix.{name}" for name in {**one, **other} if one.get(name) != other.get(name)]
    if before.global_repeat != after.global_repeat:
        changed.append("mix.global_repeat")
    return changed or ["mix.rules"]
