"""How others find a task: its ports and names."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum, UInt32
from tepui.messages.values import Labels


class Port(Message, kw_only=True):
    """A port under which a task can be found."""

    number: Annotated[UInt32, 1]
    name: Annotated[str | None, 2] = None
    protocol: Annotated[str | None, 3] = None
    visibility: Annotated[DiscoveryInfo.Visibility | None, 4] = None
    labels: Annotated[Labels | None, 5] = None


class Ports(Message, kw_only=True):
    """The ports of a task."""

    ports: Annotated[list[Port], 1] = []


class DiscoveryInfo(Message, kw_only=True):
    """How a task or executor wants to be found; the cluster passes it on and does nothing else."""

    class Visibility(ProtoEnum):
        """From how far away it should be found."""

        FRAMEWORK = 0
        CLUSTER = 1
        EXTERNAL = 2

    visibility: Annotated[Visibility, 1]
    name: Annotated[str | None, 2] = None
    environment: Annotated[str | None, 3] = None
    location: Annotated[str | None, 4] = None
    version: Annotated[str | None, 5] = None
    ports: Annotated[Ports | None, 6] = None
    labels: Annotated[Labels | None, 7] = None
