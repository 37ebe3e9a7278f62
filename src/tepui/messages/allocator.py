"""What the allocator tells about inverse offers."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.ids import FrameworkID
from tepui.messages.values import TimeInfo


class InverseOfferStatus(Message, kw_only=True):
    """What a framework answered to an inverse offer, and when."""

    class Status(ProtoEnum):
        """The answers; UNKNOWN is none yet."""

        UNKNOWN = 1
        ACCEPT = 2
        DECLINE = 3

    status: Annotated[Status, 1]
    framework_id: Annotated[FrameworkID, 2]
    timestamp: Annotated[TimeInfo, 3]
