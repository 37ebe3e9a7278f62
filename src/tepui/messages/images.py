"""Images that containers are made from."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Message, ProtoEnum, explicit
from tepui.messages.secrets import Credential, Secret
from tepui.messages.values import Labels


class Image(Message, kw_only=True):
    """An image; ``cached`` false fetches it again although the agent has it."""

    class Type(ProtoEnum):
        """The kind of an image."""

        APPC = 1
        DOCKER = 2

    class Appc(Message, kw_only=True):
        """An image by App Container's rules."""

        name: Annotated[str, 1]
        id: Annotated[str | None, 2] = None
        labels: Annotated[Labels | None, 3] = None

    class Docker(Message, kw_only=True):
        """An image of a Docker registry; ``config`` is a docker config.json as a secret."""

        name: Annotated[str, 1]
        credential: Annotated[Credential | None, 2, DEPRECATED] = None
        config: Annotated[Secret | None, 3] = None

    type: Annotated[Type, 1]
    appc: Annotated[Appc | None, 2] = None
    docker: Annotated[Docker | None, 3] = None
    cached: Annotated[bool, 4] = explicit(True)
