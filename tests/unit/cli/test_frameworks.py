"""How a framework stands, as ``tepui frameworks`` says it."""

from __future__ import annotations

import pytest

from tepui.cli.frameworks import state_of
from tepui.messages import FrameworkInfo, TimeInfo
from tepui.messages.master import Response


@pytest.mark.parametrize(
    ("active", "connected", "recovered", "state"),
    [
        (True, True, False, "active"),
        (False, True, False, "inactive"),
        (False, False, False, "disconnected"),
        (False, False, True, "recovered"),
    ],
)
def test_a_framework_that_may_come_back_is_not_over(
    active: bool, connected: bool, recovered: bool, state: str
) -> None:
    framework = Response.GetFrameworks.Framework(
        framework_info=FrameworkInfo(user="u", name="n"),
        active=active,
        connected=connected,
        recovered=recovered,
        unregistered_time=None if connected else TimeInfo(nanoseconds=1),
    )
    assert state_of(framework) == state
