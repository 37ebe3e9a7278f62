"""Offers, the operations that accept them, and inverse offers."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.executors import ExecutorInfo
from tepui.messages.ids import AgentID, ExecutorID, FrameworkID, OfferID, OperationID
from tepui.messages.machines import DomainInfo, Unavailability
from tepui.messages.networks import URL
from tepui.messages.resources import Resource
from tepui.messages.tasks import TaskGroupInfo, TaskInfo
from tepui.messages.values import Attribute, Value


class Offer(Message, kw_only=True):
    """Resources of one agent, allocated to one role of one framework until it answers."""

    class Operation(Message, kw_only=True):
        """What to do with offered resources; ``type`` says which field tells."""

        class Type(ProtoEnum):
            """The operations."""

            UNKNOWN = 0
            LAUNCH = 1
            LAUNCH_GROUP = 6
            RESERVE = 2
            UNRESERVE = 3
            CREATE = 4
            DESTROY = 5
            GROW_VOLUME = 11
            SHRINK_VOLUME = 12
            CREATE_DISK = 13
            DESTROY_DISK = 14

        class Launch(Message, kw_only=True):
            """Launch tasks one by one."""

            task_infos: Annotated[list[TaskInfo], 1] = []

        class LaunchGroup(Message, kw_only=True):
            """Launch tasks as a group under the default executor."""

            executor: Annotated[ExecutorInfo, 1]
            task_group: Annotated[TaskGroupInfo, 2]

        class Reserve(Message, kw_only=True):
            """Reserve resources, from ``source``'s reservations to those of ``resources``."""

            source: Annotated[list[Resource], 2] = []
            resources: Annotated[list[Resource], 1] = []

        class Unreserve(Message, kw_only=True):
            """Take the innermost reservation away."""

            resources: Annotated[list[Resource], 1] = []

        class Create(Message, kw_only=True):
            """Make persistent volumes of reserved disk."""

            volumes: Annotated[list[Resource], 1] = []

        class Destroy(Message, kw_only=True):
            """Destroy persistent volumes and what is on them."""

            volumes: Annotated[list[Resource], 1] = []

        class GrowVolume(Message, kw_only=True):
            """Make a persistent volume larger by ``addition``."""

            volume: Annotated[Resource, 1]
            addition: Annotated[Resource, 2]

        class ShrinkVolume(Message, kw_only=True):
            """Make a persistent volume smaller by ``subtract``."""

            volume: Annotated[Resource, 1]
            subtract: Annotated[Value.Scalar, 2]

        class CreateDisk(Message, kw_only=True):
            """Make a disk of the target type out of a raw one, by a storage provider."""

            source: Annotated[Resource, 1]
            target_type: Annotated[Resource.DiskInfo.Source.Type, 2]
            target_profile: Annotated[str | None, 3] = None

        class DestroyDisk(Message, kw_only=True):
            """Turn a provider's disk back into a raw one, or into none."""

            source: Annotated[Resource, 1]

        type: Annotated[Type | None, 1] = None
        id: Annotated[OperationID | None, 12] = None
        launch: Annotated[Launch | None, 2] = None
        launch_group: Annotated[LaunchGroup | None, 7] = None
        reserve: Annotated[Reserve | None, 3] = None
        unreserve: Annotated[Unreserve | None, 4] = None
        create: Annotated[Create | None, 5] = None
        destroy: Annotated[Destroy | None, 6] = None
        grow_volume: Annotated[GrowVolume | None, 13] = None
        shrink_volume: Annotated[ShrinkVolume | None, 14] = None
        create_disk: Annotated[CreateDisk | None, 15] = None
        destroy_disk: Annotated[DestroyDisk | None, 16] = None

    id: Annotated[OfferID, 1]
    framework_id: Annotated[FrameworkID, 2]
    agent_id: Annotated[AgentID, 3]
    hostname: Annotated[str, 4]
    url: Annotated[URL | None, 8] = None
    domain: Annotated[DomainInfo | None, 11] = None
    resources: Annotated[list[Resource], 5] = []
    attributes: Annotated[list[Attribute], 7] = []
    executor_ids: Annotated[list[ExecutorID], 6] = []
    unavailability: Annotated[Unavailability | None, 9] = None
    allocation_info: Annotated[Resource.AllocationInfo | None, 10] = None


class InverseOffer(Message, kw_only=True):
    """Asks a framework to leave an agent before a machine becomes unavailable."""

    id: Annotated[OfferID, 1]
    url: Annotated[URL | None, 2] = None
    framework_id: Annotated[FrameworkID, 3]
    agent_id: Annotated[AgentID | None, 4] = None
    unavailability: Annotated[Unavailability, 5]
    resources: Annotated[list[Resource], 6] = []
