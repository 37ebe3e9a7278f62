"""What the master says, and what becomes of it."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    SendToMaster,
)
from tepui.link.messages import (
    Ping,
    Pong,
    UpdateFramework,
)
from tepui.messages import (
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def test_a_ping_is_answered(agent: Any) -> None:
    assert agent.hear(Ping()) == [SendToMaster(message=Pong())]


def test_a_changed_framework_is_stored(agent: Any) -> None:
    agent.running()
    changed = agent.framework("f1", "TASK_KILLING_STATE")
    agent.hear(UpdateFramework(framework=changed))
    assert agent.stored["framework/f1"].info == changed
