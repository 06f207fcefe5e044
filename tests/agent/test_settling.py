"""What enters the final recipe when guards leave no room for all that helps."""

from __future__ import annotations

import pytest

from runner.bench.proposers.miniature import open_miniature
from runner.bench.proposers.ours import our_night


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_the_best_changes_stay_where_a_guard_has_no_room_for_all(seed: int) -> None:
    """Taking out whatever cost the endangered guard most left +3.4, +3.4 and +4.2 of these nights."""
    landscape = open_miniature()
    settings, _ = our_night(landscape, seed, 100)
    levels = landscape.levels(settings)
    assert levels is not None
    assert landscape.value(settings) > 5.0
    assert all(levels[name] > landscape.reference[name] - margin for name, margin in landscape.guards.items())
