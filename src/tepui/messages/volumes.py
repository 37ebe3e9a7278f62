"""Volumes and where they come from."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, OneOf, ProtoEnum, at_most_one
from tepui.messages.images import Image
from tepui.messages.secrets import Secret
from tepui.messages.values import Parameters


class MountPropagation(Message, kw_only=True):
    """Whether mounts made later show through a bind mount."""

    class Mode(ProtoEnum):
        """In which directions mounts show through."""

        UNKNOWN = 0
        HOST_TO_CONTAINER = 1
        BIDIRECTIONAL = 2

    mode: Annotated[Mode | None, 1] = None


class Volume(Message, kw_only=True):
    """A directory or file mounted into a container at ``container_path``.

    A relative container path is below the sandbox. What is mounted comes from ``source``,
    ``host_path`` or ``image``, or is an empty directory.
    """

    class Mode(ProtoEnum):
        """Whether a container may write to a volume."""

        RW = 1
        RO = 2

    class Source(Message, kw_only=True):
        """Where a volume comes from; ``type`` says which field tells."""

        class Type(ProtoEnum):
            """The kind of a volume's source."""

            UNKNOWN = 0
            DOCKER_VOLUME = 1
            HOST_PATH = 4
            SANDBOX_PATH = 2
            SECRET = 3
            CSI_VOLUME = 5

        class DockerVolume(Message, kw_only=True):
            """A volume of a Docker volume driver."""

            driver: Annotated[str | None, 1] = None
            name: Annotated[str, 2]
            driver_options: Annotated[Parameters | None, 3] = None

        class HostPath(Message, kw_only=True):
            """A path of the machine."""

            path: Annotated[str, 1]
            mount_propagation: Annotated[MountPropagation | None, 2] = None

        class SandboxPath(Message, kw_only=True):
            """A path below a sandbox: the container's own, or its parent's."""

            class Type(ProtoEnum):
                """Whose sandbox it is."""

                UNKNOWN = 0
                SELF = 1
                PARENT = 2

            type: Annotated[Type | None, 1] = None
            path: Annotated[str, 2]

        class CSIVolume(Message, kw_only=True):
            """A volume that a CSI plugin of the agent publishes."""

            class VolumeCapability(Message, kw_only=True):
                """How a CSI volume is accessed: as a block device or as a file system."""

                class BlockVolume(Message, kw_only=True):
                    """As a block device."""

                class MountVolume(Message, kw_only=True):
                    """As a mounted file system."""

                    fs_type: Annotated[str | None, 1] = None
                    mount_flags: Annotated[list[str], 2] = []

                class AccessMode(Message, kw_only=True):
                    """Who may use the volume at the same time."""

                    class Mode(ProtoEnum):
                        """How many nodes may read and write."""

                        UNKNOWN = 0
                        SINGLE_NODE_WRITER = 1
                        SINGLE_NODE_READER_ONLY = 2
                        MULTI_NODE_READER_ONLY = 3
                        MULTI_NODE_SINGLE_WRITER = 4
                        MULTI_NODE_MULTI_WRITER = 5

                    mode: Annotated[Mode, 1]

                block: Annotated[BlockVolume | None, 1, OneOf("access_type")] = None
                mount: Annotated[MountVolume | None, 2, OneOf("access_type")] = None
                access_mode: Annotated[AccessMode, 3]

                def __post_init__(self) -> None:
                    at_most_one(
                        block=self.block,
                        mount=self.mount,
                    )

            class StaticProvisioning(Message, kw_only=True):
                """A volume that exists already, and what its plugin is told."""

                volume_id: Annotated[str, 1]
                volume_capability: Annotated[Volume.Source.CSIVolume.VolumeCapability, 2]
                node_stage_secrets: Annotated[dict[str, Secret], 3] = {}
                node_publish_secrets: Annotated[dict[str, Secret], 4] = {}
                volume_context: Annotated[dict[str, str], 5] = {}

            plugin_name: Annotated[str, 1]
            static_provisioning: Annotated[StaticProvisioning | None, 2] = None

        type: Annotated[Type | None, 1] = None
        docker_volume: Annotated[DockerVolume | None, 2] = None
        host_path: Annotated[HostPath | None, 5] = None
        sandbox_path: Annotated[SandboxPath | None, 3] = None
        secret: Annotated[Secret | None, 4] = None
        csi_volume: Annotated[CSIVolume | None, 6] = None

    mode: Annotated[Mode, 3]
    container_path: Annotated[str, 1]
    host_path: Annotated[str | None, 2] = None
    image: Annotated[Image | None, 4] = None
    source: Annotated[Source | None, 5] = None
