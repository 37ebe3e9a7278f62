"""The input and output of an attached container, as records of a stream."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.linux import TTYInfo
from tepui.messages.values import DurationInfo


class ProcessIO(Message, kw_only=True):
    """A piece of a container's input or output, or a control message."""

    class Type(ProtoEnum):
        """Which of the two it is."""

        UNKNOWN = 0
        DATA = 1
        CONTROL = 2

    class Data(Message, kw_only=True):
        """Bytes of a stream; none at all end it."""

        class Type(ProtoEnum):
            """Which stream they belong to."""

            UNKNOWN = 0
            STDIN = 1
            STDOUT = 2
            STDERR = 3

        type: Annotated[Type | None, 1] = None
        data: Annotated[bytes | None, 2] = None

    class Control(Message, kw_only=True):
        """A new window size, or a sign of life."""

        class Type(ProtoEnum):
            """Which of the two it is."""

            UNKNOWN = 0
            TTY_INFO = 1
            HEARTBEAT = 2

        class Heartbeat(Message, kw_only=True):
            """A sign of life, and when the next will come."""

            interval: Annotated[DurationInfo | None, 1] = None

        type: Annotated[Type | None, 1] = None
        tty_info: Annotated[TTYInfo | None, 2] = None
        heartbeat: Annotated[Heartbeat | None, 3] = None

    type: Annotated[Type | None, 1] = None
    data: Annotated[Data | None, 2] = None
    control: Annotated[Control | None, 3] = None
