"""Resources with all that can be said of a piece of them."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Default, Message, ProtoEnum
from tepui.messages.ids import AgentID, ResourceProviderID
from tepui.messages.values import Labels, Value
from tepui.messages.volumes import Volume


class Resource(Message, kw_only=True):
    """A piece of an agent's resources: how much of what, for whom, and under which conditions.

    Reservations come in one of two formats, never mixed: the stack in ``reservations``, whose last
    is the innermost, or ``role`` with ``reservation`` where frameworks know no refinement.
    """

    class AllocationInfo(Message, kw_only=True):
        """The role to which the resource is offered or allocated."""

        role: Annotated[str | None, 1] = None

    class ReservationInfo(Message, kw_only=True):
        """A reservation for a role, made by the agent's flags or by an operation."""

        class Type(ProtoEnum):
            """Static ones are the agent's own, dynamic ones come from operations."""

            UNKNOWN = 0
            STATIC = 1
            DYNAMIC = 2

        type: Annotated[Type | None, 4] = None
        role: Annotated[str | None, 3] = None
        principal: Annotated[str | None, 1] = None
        labels: Annotated[Labels | None, 2] = None

    class DiskInfo(Message, kw_only=True):
        """What is special about a disk: where it is, and what is kept on it."""

        class Persistence(Message, kw_only=True):
            """Makes it a persistent volume; ``id`` is unique per role on an agent."""

            id: Annotated[str, 1]
            principal: Annotated[str | None, 2] = None

        class Source(Message, kw_only=True):
            """The disk itself, if it is not the agent's work directory."""

            class Type(ProtoEnum):
                """How a disk may be divided: PATH freely, MOUNT and the others only whole."""

                UNKNOWN = 0
                PATH = 1
                MOUNT = 2
                BLOCK = 3
                RAW = 4

            class Path(Message, kw_only=True):
                """A directory that volumes share."""

                root: Annotated[str | None, 1] = None

            class Mount(Message, kw_only=True):
                """A mounted file system given to one volume whole."""

                root: Annotated[str | None, 1] = None

            type: Annotated[Type, 1]
            path: Annotated[Path | None, 2] = None
            mount: Annotated[Mount | None, 3] = None
            vendor: Annotated[str | None, 7] = None
            id: Annotated[str | None, 4] = None
            metadata: Annotated[Labels | None, 5] = None
            profile: Annotated[str | None, 6] = None

        persistence: Annotated[Persistence | None, 1] = None
        volume: Annotated[Volume | None, 2] = None
        source: Annotated[Source | None, 3] = None

    class RevocableInfo(Message, kw_only=True):
        """Present if the resource may be taken back while it is used."""

    class SharedInfo(Message, kw_only=True):
        """Present if several tasks may use the resource at once."""

    provider_id: Annotated[ResourceProviderID | None, 12] = None
    name: Annotated[str, 1]
    type: Annotated[Value.Type, 2]
    scalar: Annotated[Value.Scalar | None, 3] = None
    ranges: Annotated[Value.Ranges | None, 4] = None
    set: Annotated[Value.Set | None, 5] = None
    role: Annotated[str | None, 6, DEPRECATED, Default("*")] = None
    allocation_info: Annotated[AllocationInfo | None, 11] = None
    reservation: Annotated[ReservationInfo | None, 8] = None
    reservations: Annotated[list[ReservationInfo], 13] = []
    disk: Annotated[DiskInfo | None, 7] = None
    revocable: Annotated[RevocableInfo | None, 9] = None
    shared: Annotated[SharedInfo | None, 10] = None


class TaskResourceLimitation(Message, kw_only=True):
    """The resources of which a container used more than it may."""

    resources: Annotated[list[Resource], 1] = []


class Request(Message, kw_only=True):
    """What a framework would like to be offered; a hint that may be ignored."""

    agent_id: Annotated[AgentID | None, 1] = None
    resources: Annotated[list[Resource], 2] = []
