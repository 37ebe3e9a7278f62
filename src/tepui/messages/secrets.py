"""Credentials and secrets."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum


class Credential(Message, kw_only=True):
    """A principal and the secret that proves it."""

    principal: Annotated[str, 1]
    secret: Annotated[str | None, 2] = None


class Credentials(Message, kw_only=True):
    """The principals that may authenticate."""

    credentials: Annotated[list[Credential], 1] = []


class Secret(Message, kw_only=True):
    """A secret, by reference or by value; ``type`` says which."""

    class Type(ProtoEnum):
        """How a secret is given."""

        UNKNOWN = 0
        REFERENCE = 1
        VALUE = 2

    class Reference(Message, kw_only=True):
        """A secret that a resolver of the agent knows; ``key`` picks a part of it."""

        name: Annotated[str, 1]
        key: Annotated[str | None, 2] = None

    class Value(Message, kw_only=True):
        """The secret itself."""

        data: Annotated[bytes, 1]

    type: Annotated[Type | None, 1] = None
    reference: Annotated[Reference | None, 2] = None
    value: Annotated[Value | None, 3] = None
