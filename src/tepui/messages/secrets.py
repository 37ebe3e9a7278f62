"""Messages about secrets."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum


class Credential(Message, kw_only=True):
    principal: Annotated[str, 1]
    secret: Annotated[str | None, 2] = None


class Credentials(Message, kw_only=True):
    credentials: Annotated[list[Credential], 1] = []


class Secret(Message, kw_only=True):
    class Type(ProtoEnum):
        UNKNOWN = 0
        REFERENCE = 1
        VALUE = 2

    class Reference(Message, kw_only=True):
        name: Annotated[str, 1]
        key: Annotated[str | None, 2] = None

    class Value(Message, kw_only=True):
        data: Annotated[bytes, 1]

    type: Annotated[Type | None, 1] = None
    reference: Annotated[Reference | None, 2] = None
    value: Annotated[Value | None, 3] = None
