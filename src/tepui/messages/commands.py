"""Messages about commands."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum, explicit
from tepui.messages.secrets import Secret
from tepui.messages.values import DurationInfo


class Environment(Message, kw_only=True):
    class Variable(Message, kw_only=True):
        class Type(ProtoEnum):
            UNKNOWN = 0
            VALUE = 1
            SECRET = 2

        name: Annotated[str, 1]
        type: Annotated[Type, 3] = explicit(Type.VALUE)
        value: Annotated[str | None, 2] = None
        secret: Annotated[Secret | None, 4] = None

    variables: Annotated[list[Variable], 1] = []


class CommandInfo(Message, kw_only=True):
    class URI(Message, kw_only=True):
        value: Annotated[str, 1]
        executable: Annotated[bool | None, 2] = None
        extract: Annotated[bool, 3] = explicit(True)
        cache: Annotated[bool | None, 4] = None
        output_file: Annotated[str | None, 5] = None

    uris: Annotated[list[URI], 1] = []
    environment: Annotated[Environment | None, 2] = None
    shell: Annotated[bool, 6] = explicit(True)
    value: Annotated[str | None, 3] = None
    arguments: Annotated[list[str], 7] = []
    user: Annotated[str | None, 5] = None


class KillPolicy(Message, kw_only=True):
    grace_period: Annotated[DurationInfo | None, 1] = None
