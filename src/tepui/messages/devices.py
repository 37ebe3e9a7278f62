"""Devices of the machine that containers may use."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, UInt64


class Device(Message, kw_only=True):
    """A device of the machine, by path or by number."""

    class Number(Message, kw_only=True):
        """The number under which the kernel knows a device."""

        major_number: Annotated[UInt64, 1]
        minor_number: Annotated[UInt64, 2]

    path: Annotated[str | None, 1] = None
    number: Annotated[Number | None, 2] = None


class DeviceAccess(Message, kw_only=True):
    """What a container may do with a device."""

    class Access(Message, kw_only=True):
        """Each unset right is refused."""

        read: Annotated[bool | None, 1] = None
        write: Annotated[bool | None, 2] = None
        mknod: Annotated[bool | None, 3] = None

    device: Annotated[Device, 1]
    access: Annotated[Access, 2]


class DeviceWhitelist(Message, kw_only=True):
    """The devices that containers may use."""

    allowed_devices: Annotated[list[DeviceAccess], 1] = []
