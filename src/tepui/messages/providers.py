"""Resource providers and the CSI plugins that storage ones run."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum, explicit
from tepui.messages.commands import CommandInfo
from tepui.messages.containers import ContainerInfo
from tepui.messages.ids import ResourceProviderID
from tepui.messages.resources import Resource
from tepui.messages.values import Attribute


class CSIPluginContainerInfo(Message, kw_only=True):
    """A container of a CSI plugin, and the services it runs."""

    class Service(ProtoEnum):
        """The services of a CSI plugin."""

        UNKNOWN = 0
        CONTROLLER_SERVICE = 1
        NODE_SERVICE = 2

    services: Annotated[list[Service], 1] = []
    command: Annotated[CommandInfo | None, 2] = None
    resources: Annotated[list[Resource], 3] = []
    container: Annotated[ContainerInfo | None, 4] = None


class CSIPluginEndpoint(Message, kw_only=True):
    """Where a service of an unmanaged CSI plugin listens."""

    csi_service: Annotated[CSIPluginContainerInfo.Service, 1]
    endpoint: Annotated[str, 2]


class CSIPluginInfo(Message, kw_only=True):
    """A CSI plugin; ``type`` and ``name`` identify it on an agent."""

    type: Annotated[str, 1]
    name: Annotated[str, 2] = explicit("default")
    containers: Annotated[list[CSIPluginContainerInfo], 3] = []
    endpoints: Annotated[list[CSIPluginEndpoint], 4] = []
    target_path_root: Annotated[str | None, 5] = None
    target_path_exists: Annotated[bool | None, 6] = None


class ResourceProviderInfo(Message, kw_only=True):
    """A resource provider; ``type`` and ``name`` identify it on an agent."""

    class Storage(Message, kw_only=True):
        """The CSI plugin behind a storage provider, and how often its volumes are compared."""

        plugin: Annotated[CSIPluginInfo, 1]
        reconciliation_interval_seconds: Annotated[float | None, 2] = None

    id: Annotated[ResourceProviderID | None, 1] = None
    attributes: Annotated[list[Attribute], 2] = []
    type: Annotated[str, 3]
    name: Annotated[str, 4]
    default_reservations: Annotated[list[Resource.ReservationInfo], 5] = []
    storage: Annotated[Storage | None, 6] = None
