"""What an agent asks of a containerizer, whichever kind of container it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from tepui.messages.statistics import ResourceStatistics

ContainerID = str
"""A uuid; a nested container is ``<parent>.<child>``, to any depth."""


class URI(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the fetcher puts into the sandbox before the first process starts."""

    value: str
    executable: bool = False
    extract: bool = True
    cache: bool = False
    output_file: str | None = None


class Rlimit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of the first process: ``resource`` is the kernel's name, such as ``RLIMIT_NOFILE``.

    ``None`` stands for no limit.
    """

    resource: str
    soft: int | None = None
    hard: int | None = None


class VolumePlace(msgspec.Struct, frozen=True):
    """Where a persistent volume is kept.

    Attributes:
        root: An absolute directory of the operator's, which is there already.
        parts: The directories below it, none of them a symbolic link; empty when the volume is
            ``root`` itself, the whole of a disk.
    """

    root: str
    parts: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The absolute path of the volume."""
        return "/".join((self.root, *self.parts))


class VolumeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A persistent volume, and where a container finds it.

    Attributes:
        container_path: Below the sandbox; nothing may be there yet.
        is_in_parent: The sandbox is that of the container in which this one is nested.
        is_exclusive: Nobody else uses the volume: it may be given to the container's user.
        is_read_only: It should not be written to, which only a mount can prevent.
    """

    place: VolumePlace
    container_path: str
    is_in_parent: bool = False
    is_exclusive: bool = True
    is_read_only: bool = False


class VolumeChange(msgspec.Struct, frozen=True, kw_only=True):
    """Volumes to make or to wipe: all of them, or none.

    Attributes:
        unwiped: Places of which an earlier change has not got all content away.
        is_repeated: It may have been done already, and the volumes be in use.
    """

    create: list[VolumePlace] = []
    remove: list[VolumePlace] = []
    unwiped: list[VolumePlace] = []
    is_repeated: bool = False


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One container to start.

    Attributes:
        container_id: A new id, never used before with this work directory.
        sandbox: Absolute directory; the containerizer makes it, owned by ``user``. Files named
            ``stdout`` and ``stderr`` in it receive the output.
        argv: The arguments, ``argv[0]`` included (see ``argv_of``).
        executable: The file to run when it is not ``argv[0]`` (see ``executable_of``); a name
            without a slash is looked up in the container's own ``PATH``.
        user: Whom the process runs as; ``None`` is whoever the agent runs as. Ignored by
            an agent that may not switch users.
        environment: The whole environment; nothing of the agent's is added to it.
        working_directory: Absolute, or below the sandbox; ``None`` is the sandbox.
        volumes: Linked into the sandbox once the URIs are there.
    """

    container_id: ContainerID
    sandbox: str
    argv: list[str]
    executable: str | None = None
    user: str | None = None
    environment: dict[str, str] = {}
    working_directory: str | None = None
    rlimits: list[Rlimit] = []
    uris: list[URI] = []
    volumes: list[VolumeLink] = []


class Exited(msgspec.Struct, frozen=True, kw_only=True):
    """A container's first process has ended, and nothing of its process tree is left.

    Attributes:
        status: The wait(2) status; ``None`` when it was lost together with the supervisor.
        at: Wall clock seconds.
    """

    container_id: ContainerID
    status: int | None
    at: float


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What a restarted agent finds of one container: still running, or ``exited`` meanwhile."""

    container_id: ContainerID
    pid: int
    sandbox: str
    exited: Exited | None = None


class LaunchFailed(Exception):
    """A container did not start; nothing of it runs.

    Attributes:
        reason: What failed, with the name and the value.
        uri: The URI that could not be fetched, when that is the cause.
    """

    def __init__(self, reason: str, uri: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.uri = uri


class VolumeFailed(Exception):
    """A volume could not be made, wiped or linked; the text says which, and why."""


class SupervisorLost(Exception):
    """The supervisor is not there to carry out a request."""


class SupervisorAlive(Exception):
    """What was asked for is only for the time in which there is no supervisor."""


class DestroyFailed(Exception):
    """Processes of a container resist being killed; the text says which container's."""


class Containerizer(Protocol):
    """Starts containers, tells when they end, and leaves nothing of them behind.

    All methods and callbacks belong to the agent's event loop. The callbacks are set before
    ``start``. After ``on_supervisor_lost`` the agent awaits ``start`` again and then ``recover``:
    the containers that ran are dead by then, and come back as exited with status ``None``.
    """

    on_exit: Callable[[Exited], None] | None
    on_supervisor_lost: Callable[[], None] | None

    async def start(self) -> None:
        """Find the supervisor of this work directory, or start one.

        Raises:
            SupervisorLost: None could be started; the text says why.
        """

    async def recover(self) -> list[Recovered]:
        """Return every container that is running or whose exit nobody has acknowledged.

        Called once after each ``start``; exits returned here are not given to ``on_exit``.
        """

    async def launch(self, spec: LaunchSpec) -> int:
        """Make the sandbox, fetch into it, start the first process and return its pid.

        ``on_exit`` is never called for a container before its launch has returned.

        Raises:
            LaunchFailed: It did not start, or was destroyed meanwhile.
        """

    def kill(self, container_id: ContainerID, signal: int) -> None:
        """Send ``signal`` to the group of the first process; an unknown id is no error."""

    async def destroy(self, container_id: ContainerID) -> None:
        """End the whole process tree; return when none of it is left.

        May be repeated. A launch that is under way is given up. If the first process had not
        ended yet, ``on_exit`` is called before this returns.

        Raises:
            DestroyFailed: Something of it is still there, and goes on being killed.
        """

    def acknowledge_exit(self, container_id: ContainerID) -> None:
        """Let the record of an exit be forgotten; until then ``recover`` repeats it."""

    async def change_volumes(self, change: VolumeChange) -> None:
        """Make or wipe volumes, after every earlier change to the same ones.

        Launches and links that come later wait for it.

        Raises:
            VolumeFailed: They are as they were, but for content that is wiped already.
        """

    async def link_volumes(
        self, sandbox: str, volumes: Sequence[VolumeLink], user: str | None
    ) -> None:
        """Let a container that runs already find volumes in its sandbox.

        Raises:
            VolumeFailed: None of them is there.
        """

    async def unlink_volumes(self, sandbox: str, volumes: Sequence[VolumeLink]) -> None:
        """Take volumes out of a sandbox again; what the container made of the links stays."""

    async def usage(self, container_id: ContainerID) -> ResourceStatistics | None:
        """Return what the process tree uses; ``None`` for a container that does not run."""

    def status(self, container_id: ContainerID) -> int | None:
        """Return the pid of the first process; ``None`` for a container that does not run."""

    async def kill_orphans(self) -> list[ContainerID]:
        """End all that a dead supervisor left running, without starting another.

        ``start`` does this by itself; this is for an agent that cannot or will not go on.

        Raises:
            SupervisorAlive: There is a supervisor; its containers are no orphans.
        """

    async def stop(self, *, kill_all: bool) -> None:
        """Let go of the supervisor; with ``kill_all`` end every container, and it, first."""


class Command(Protocol):
    """The part of ``CommandInfo`` that says what to run."""

    @property
    def shell(self) -> bool | None: ...
    @property
    def value(self) -> str | None: ...
    @property
    def arguments(self) -> Sequence[str]: ...


def argv_of(command: Command) -> list[str]:
    """Return the argument vector of a ``CommandInfo``: a shell line, or the vector as given."""
    if command.shell is None or command.shell:
        return ["/bin/sh", "-c", command.value or ""]
    return list(command.arguments) or [command.value or ""]


def executable_of(command: Command) -> str | None:
    """Return the file that a ``CommandInfo`` wants run under a vector of its own choosing."""
    if command.shell is None or command.shell:
        return None
    return command.value
