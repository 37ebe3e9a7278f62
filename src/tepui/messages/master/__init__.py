"""master"""

from __future__ import annotations

from tepui.messages.master.call import Call
from tepui.messages.master.event import Event
from tepui.messages.master.response import Response

__all__ = ["Call", "Event", "Response"]
