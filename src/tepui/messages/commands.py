"""What a process runs, with which environment, and how it is killed."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum, explicit
from tepui.messages.secrets import Secret
from tepui.messages.values import DurationInfo


class Environment(Message, kw_only=True):
    """Environment variables of a process."""

    class Variable(Message, kw_only=True):
        """A variable with a value or a secret; ``type`` says which."""

        class Type(ProtoEnum):
            """How a variable's value is given."""

            UNKNOWN = 0
            VALUE = 1
            SECRET = 2

        name: Annotated[str, 1]
        type: Annotated[Type, 3] = explicit(Type.VALUE)
        value: Annotated[str | None, 2] = None
        secret: Annotated[Secret | None, 4] = None

    variables: Annotated[list[Variable], 1] = []


class CommandInfo(Message, kw_only=True):
    """A process: a shell's command line, or a program and its arguments.

    With ``shell`` the ``value`` goes to ``/bin/sh -c``; without it ``value`` is the program and
    ``arguments`` are its whole argument vector, the name of the program included.
    """

    class URI(Message, kw_only=True):
        """Something fetched into the sandbox before the process starts.

        Archives are extracted unless ``extract`` is false; ``output_file`` renames what was
        fetched.
        """

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
    """How long a task has between being asked to end and being killed."""

    grace_period: Annotated[DurationInfo | None, 1] = None
