"""agent"""

from __future__ import annotations

from tepui.messages.agent.call import Call
from tepui.messages.agent.process_io import ProcessIO
from tepui.messages.agent.response import Response

__all__ = ["Call", "ProcessIO", "Response"]
