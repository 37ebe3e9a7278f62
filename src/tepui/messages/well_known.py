"""Messages that come with protobuf itself."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int32, Int64, Message


class Duration(Message, kw_only=True):
    """A span of time; ``nanos`` is the part below a second and has the same sign."""

    seconds: Annotated[Int64 | None, 1] = None
    nanos: Annotated[Int32 | None, 2] = None
