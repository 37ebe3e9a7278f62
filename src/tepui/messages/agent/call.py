"""What operators ask an agent."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.agent.process_io import ProcessIO
from tepui.messages.base import DEPRECATED, Int32, Message, ProtoEnum, UInt32, UInt64
from tepui.messages.commands import CommandInfo
from tepui.messages.containers import ContainerInfo
from tepui.messages.ids import ContainerID, ResourceProviderID
from tepui.messages.images import Image
from tepui.messages.providers import ResourceProviderInfo
from tepui.messages.resources import Resource
from tepui.messages.values import DurationInfo, Value


class Call(Message, kw_only=True):
    """What an operator asks an agent; ``type`` says which field tells more, if any."""

    class Type(ProtoEnum):
        """The calls; those without a field of the same name need none."""

        UNKNOWN = 0
        GET_HEALTH = 1
        GET_FLAGS = 2
        GET_VERSION = 3
        GET_METRICS = 4
        GET_LOGGING_LEVEL = 5
        SET_LOGGING_LEVEL = 6
        LIST_FILES = 7
        READ_FILE = 8
        GET_STATE = 9
        GET_CONTAINERS = 10
        GET_FRAMEWORKS = 11
        GET_EXECUTORS = 12
        GET_OPERATIONS = 31
        GET_TASKS = 13
        GET_AGENT = 20
        GET_RESOURCE_PROVIDERS = 26
        LAUNCH_NESTED_CONTAINER = 14  # deprecated
        WAIT_NESTED_CONTAINER = 15  # deprecated
        KILL_NESTED_CONTAINER = 16  # deprecated
        REMOVE_NESTED_CONTAINER = 21  # deprecated
        LAUNCH_NESTED_CONTAINER_SESSION = 17
        ATTACH_CONTAINER_INPUT = 18
        ATTACH_CONTAINER_OUTPUT = 19
        LAUNCH_CONTAINER = 22
        WAIT_CONTAINER = 23
        KILL_CONTAINER = 24
        REMOVE_CONTAINER = 25
        ADD_RESOURCE_PROVIDER_CONFIG = 27
        UPDATE_RESOURCE_PROVIDER_CONFIG = 28
        REMOVE_RESOURCE_PROVIDER_CONFIG = 29
        MARK_RESOURCE_PROVIDER_GONE = 32
        PRUNE_IMAGES = 30

    class GetMetrics(Message, kw_only=True):
        """Waits so long for slow metrics, at most."""

        timeout: Annotated[DurationInfo | None, 1] = None

    class SetLoggingLevel(Message, kw_only=True):
        """Logs more for a while; levels count up from 0."""

        level: Annotated[UInt32, 1]
        duration: Annotated[DurationInfo, 2]

    class ListFiles(Message, kw_only=True):
        """Lists a directory that the daemon shows."""

        path: Annotated[str, 1]

    class ReadFile(Message, kw_only=True):
        """Reads a file that the daemon shows, ``length`` bytes from ``offset``."""

        path: Annotated[str, 1]
        offset: Annotated[UInt64, 2]
        length: Annotated[UInt64 | None, 3] = None

    class GetContainers(Message, kw_only=True):
        """Lists containers; nested and standalone ones only if asked for."""

        show_nested: Annotated[bool | None, 1] = None
        show_standalone: Annotated[bool | None, 2] = None

    class LaunchNestedContainer(Message, kw_only=True):
        """Launches a container inside that of an executor."""

        container_id: Annotated[ContainerID, 1]
        command: Annotated[CommandInfo | None, 2] = None
        container: Annotated[ContainerInfo | None, 3] = None

    class WaitNestedContainer(Message, kw_only=True):
        """Answers once a nested container has ended."""

        container_id: Annotated[ContainerID, 1]

    class KillNestedContainer(Message, kw_only=True):
        """Sends a nested container a signal, SIGKILL unless another is named."""

        container_id: Annotated[ContainerID, 1]
        signal: Annotated[Int32 | None, 2] = None

    class RemoveNestedContainer(Message, kw_only=True):
        """Removes what an ended nested container left."""

        container_id: Annotated[ContainerID, 1]

    class LaunchNestedContainerSession(Message, kw_only=True):
        """Launches a nested container that ends with the connection that streams its output."""

        container_id: Annotated[ContainerID, 1]
        command: Annotated[CommandInfo | None, 2] = None
        container: Annotated[ContainerInfo | None, 3] = None

    class AttachContainerInput(Message, kw_only=True):
        """A record of the stream that feeds a container; the first one names it."""

        class Type(ProtoEnum):
            """What a record holds."""

            UNKNOWN = 0
            CONTAINER_ID = 1
            PROCESS_IO = 2

        type: Annotated[Type | None, 1] = None
        container_id: Annotated[ContainerID | None, 2] = None
        process_io: Annotated[ProcessIO | None, 3] = None

    class AttachContainerOutput(Message, kw_only=True):
        """Streams the output of a container from now on."""

        container_id: Annotated[ContainerID, 1]

    class LaunchContainer(Message, kw_only=True):
        """Launches a nested container, or a standalone one with resources of its own."""

        container_id: Annotated[ContainerID, 1]
        command: Annotated[CommandInfo | None, 2] = None
        resources: Annotated[list[Resource], 3] = []
        container: Annotated[ContainerInfo | None, 4] = None
        limits: Annotated[dict[str, Value.Scalar], 5] = {}

    class WaitContainer(Message, kw_only=True):
        """Answers once a container has ended."""

        container_id: Annotated[ContainerID, 1]

    class KillContainer(Message, kw_only=True):
        """Sends a container a signal, SIGKILL unless another is named."""

        container_id: Annotated[ContainerID, 1]
        signal: Annotated[Int32 | None, 2] = None

    class RemoveContainer(Message, kw_only=True):
        """Removes what an ended container left."""

        container_id: Annotated[ContainerID, 1]

    class AddResourceProviderConfig(Message, kw_only=True):
        """Starts a local resource provider."""

        info: Annotated[ResourceProviderInfo, 1]

    class UpdateResourceProviderConfig(Message, kw_only=True):
        """Restarts a local resource provider with another configuration."""

        info: Annotated[ResourceProviderInfo, 1]

    class RemoveResourceProviderConfig(Message, kw_only=True):
        """Stops a local resource provider."""

        type: Annotated[str, 1]
        name: Annotated[str, 2]

    class MarkResourceProviderGone(Message, kw_only=True):
        """Declares a resource provider gone for good."""

        resource_provider_id: Annotated[ResourceProviderID, 1]

    class PruneImages(Message, kw_only=True):
        """Removes cached images that no container uses, but for those excluded."""

        excluded_images: Annotated[list[Image], 1] = []

    type: Annotated[Type | None, 1] = None
    get_metrics: Annotated[GetMetrics | None, 2] = None
    set_logging_level: Annotated[SetLoggingLevel | None, 3] = None
    list_files: Annotated[ListFiles | None, 4] = None
    read_file: Annotated[ReadFile | None, 5] = None
    get_containers: Annotated[GetContainers | None, 20] = None
    launch_nested_container: Annotated[LaunchNestedContainer | None, 6, DEPRECATED] = None
    wait_nested_container: Annotated[WaitNestedContainer | None, 7, DEPRECATED] = None
    kill_nested_container: Annotated[KillNestedContainer | None, 8, DEPRECATED] = None
    remove_nested_container: Annotated[RemoveNestedContainer | None, 12, DEPRECATED] = None
    launch_nested_container_session: Annotated[LaunchNestedContainerSession | None, 9] = None
    attach_container_input: Annotated[AttachContainerInput | None, 10] = None
    attach_container_output: Annotated[AttachContainerOutput | None, 11] = None
    launch_container: Annotated[LaunchContainer | None, 13] = None
    wait_container: Annotated[WaitContainer | None, 14] = None
    kill_container: Annotated[KillContainer | None, 15] = None
    remove_container: Annotated[RemoveContainer | None, 16] = None
    add_resource_provider_config: Annotated[AddResourceProviderConfig | None, 17] = None
    update_resource_provider_config: Annotated[UpdateResourceProviderConfig | None, 18] = None
    remove_resource_provider_config: Annotated[RemoveResourceProviderConfig | None, 19] = None
    mark_resource_provider_gone: Annotated[MarkResourceProviderGone | None, 22] = None
    prune_images: Annotated[PruneImages | None, 21] = None
