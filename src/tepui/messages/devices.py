"""Messages about devices."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, UInt64


class Device(Message, kw_only=True):
    class Number(Message, kw_only=True):
        major_number: Annotated[UInt64, 1]
        minor_number: Annotated[UInt64, 2]

    path: Annotated[str | None, 1] = None
    number: Annotated[Number | None, 2] = None


class DeviceAccess(Message, kw_only=True):
    class Access(Message, kw_only=True):
        read: Annotated[bool | None, 1] = None
        write: Annotated[bool | None, 2] = None
        mknod: Annotated[bool | None, 3] = None

    device: Annotated[Device, 1]
    access: Annotated[Access, 2]


class DeviceWhitelist(Message, kw_only=True):
    allowed_devices: Annotated[list[DeviceAccess], 1] = []
