"""How a task or executor is contained, and how its container is doing."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import DEPRECATED, Message, ProtoEnum, UInt32, explicit
from tepui.messages.ids import ContainerID
from tepui.messages.images import Image
from tepui.messages.linux import CgroupInfo, LinuxInfo, RLimitInfo, TTYInfo
from tepui.messages.networks import NetworkInfo
from tepui.messages.values import Parameter
from tepui.messages.volumes import Volume


class ContainerInfo(Message, kw_only=True):
    """How a process is contained; ``type`` says by whom, and with it which field tells more."""

    class Type(ProtoEnum):
        """Which containerizer is asked for."""

        DOCKER = 1
        MESOS = 2

    class DockerInfo(Message, kw_only=True):
        """What Docker is told."""

        class Network(ProtoEnum):
            """The network mode of a Docker container."""

            HOST = 1
            BRIDGE = 2
            NONE = 3
            USER = 4

        class PortMapping(Message, kw_only=True):
            """A port of the machine that leads to one of the container."""

            host_port: Annotated[UInt32, 1]
            container_port: Annotated[UInt32, 2]
            protocol: Annotated[str | None, 3] = None

        image: Annotated[str, 1]
        network: Annotated[Network, 2] = explicit(Network.HOST)
        port_mappings: Annotated[list[PortMapping], 3] = []
        privileged: Annotated[bool, 4] = explicit(False)
        parameters: Annotated[list[Parameter], 5] = []
        force_pull_image: Annotated[bool | None, 6] = None
        volume_driver: Annotated[str | None, 7, DEPRECATED] = None

    class MesosInfo(Message, kw_only=True):
        """What the Mesos containerizer is told; without an image it uses the machine's files."""

        image: Annotated[Image | None, 1] = None

    type: Annotated[Type, 1]
    volumes: Annotated[list[Volume], 2] = []
    hostname: Annotated[str | None, 4] = None
    docker: Annotated[DockerInfo | None, 3] = None
    mesos: Annotated[MesosInfo | None, 5] = None
    network_infos: Annotated[list[NetworkInfo], 7] = []
    linux_info: Annotated[LinuxInfo | None, 8] = None
    rlimit_info: Annotated[RLimitInfo | None, 9] = None
    tty_info: Annotated[TTYInfo | None, 10] = None


class ContainerStatus(Message, kw_only=True):
    """Where a container's network is, and which process leads it."""

    container_id: Annotated[ContainerID | None, 4] = None
    network_infos: Annotated[list[NetworkInfo], 1] = []
    cgroup_info: Annotated[CgroupInfo | None, 2] = None
    executor_pid: Annotated[UInt32 | None, 3] = None
