"""Messages about well known."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int32, Int64, Message


class Duration(Message, kw_only=True):
    seconds: Annotated[Int64 | None, 1] = None
    nanos: Annotated[Int32 | None, 2] = None
