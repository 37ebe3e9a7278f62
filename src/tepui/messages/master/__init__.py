"""What operators ask a master, what it answers, and the events it streams to them."""

from __future__ import annotations

from tepui.messages.master.call import Call
from tepui.messages.master.event import Event
from tepui.messages.master.response import Response

__all__ = ["Call", "Event", "Response"]
