"""Frameworks, and what they want to be offered."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Default, Message, ProtoEnum, explicit
from tepui.messages.ids import FrameworkID
from tepui.messages.values import Labels, Value


class OfferFilters(Message, kw_only=True):
    """Which offers a framework wants of a role."""

    class ResourceQuantities(Message, kw_only=True):
        """Amounts by resource name."""

        quantities: Annotated[dict[str, Value.Scalar], 1] = {}

    class MinAllocatableResources(Message, kw_only=True):
        """Only what holds at least one of these quantities is offered; an empty list wants all."""

        quantities: Annotated[list[OfferFilters.ResourceQuantities], 1] = []

    min_allocatable_resources: Annotated[MinAllocatableResources | None, 1] = None


class FrameworkInfo(Message, kw_only=True):
    """A framework: who it is, for which roles it wants offers, and what it understands.

    ``failover_timeout`` is in seconds: how long its tasks outlive its connection. ``role`` is of
    old frameworks with one role; with the capability MULTI_ROLE only ``roles`` counts.
    """

    class Capability(Message, kw_only=True):
        """Something that a framework understands."""

        class Type(ProtoEnum):
            """What frameworks may understand."""

            UNKNOWN = 0
            REVOCABLE_RESOURCES = 1
            TASK_KILLING_STATE = 2
            GPU_RESOURCES = 3
            SHARED_RESOURCES = 4
            PARTITION_AWARE = 5
            MULTI_ROLE = 6
            RESERVATION_REFINEMENT = 7
            REGION_AWARE = 8

        type: Annotated[Type | None, 1] = None

    user: Annotated[str, 1]
    name: Annotated[str, 2]
    id: Annotated[FrameworkID | None, 3] = None
    failover_timeout: Annotated[float, 4] = explicit(0.0)
    checkpoint: Annotated[bool, 5] = explicit(False)
    role: Annotated[str | None, 6, DEPRECATED, Default("*")] = None
    roles: Annotated[list[str], 12] = []
    hostname: Annotated[str | None, 7] = None
    principal: Annotated[str | None, 8] = None
    webui_url: Annotated[str | None, 9] = None
    capabilities: Annotated[list[Capability], 10] = []
    labels: Annotated[Labels | None, 11] = None
    offer_filters: Annotated[dict[str, OfferFilters], 13] = {}


class Filters(Message, kw_only=True):
    """How long, in seconds, a framework does not want to see the declined resources again."""

    refuse_seconds: Annotated[float, 1] = explicit(5.0)
