"""What operators ask an agent, what it answers, and the bytes of attached containers."""

from __future__ import annotations

from tepui.messages.agent.call import Call
from tepui.messages.agent.process_io import ProcessIO
from tepui.messages.agent.response import Response

__all__ = ["Call", "ProcessIO", "Response"]
