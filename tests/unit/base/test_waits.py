"""How long something is still to last, as people are told."""

from __future__ import annotations

import pytest

from tepui.base.waits import format_wait


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (-3.0, -1.0, "0 s"),
        (0.2, 0.2, "1 s"),
        (59.2, 600.0, "60 to 600 s"),
        (30.0, 601.0, "1 to 11 min"),
        (7_200.5, 7_200.5, "3 h"),
        (86_400.0, 31_535_999.0, "1 to 365 days"),
    ],
)
def test_a_wait_is_told_in_a_unit_that_is_read_at_a_glance(
    first: float, last: float, said: str
) -> None:
    assert format_wait(first, last) == said
