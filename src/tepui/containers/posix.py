"""Containers that are plain process trees, started by the supervisor in a sandbox directory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tepui.containers.connection import (
    RequestRefused,
    SupervisorConnection,
    SupervisorProcess,
)
from tepui.containers.fetcher import FetchFailed
from tepui.containers.orphans import kill_orphans
from tepui.containers.protocol import (
    URI,
    ContainerID,
    DestroyFailed,
    Exited,
    LaunchFailed,
    LaunchSpec,
    Recovered,
    Rlimit,
    SupervisorLost,
    VolumeChange,
    VolumeFailed,
    VolumeLink,
)
from tepui.containers.sandbox import Owner, create_sandbox
from tepui.containers.supervisor_code import SupervisorCode
from tepui.containers.usage import UsageReader
from tepui.containers.users import find_owner
from tepui.containers.volumes import VolumeKeeper

if TYPE_CHECKING:
    from tepui.messages.statistics import ResourceStatistics

RECOVERY_TIMEOUT_SECONDS = 900.0
"""Mesos' default of ``--recovery_timeout``."""

SUPERVISOR_SECONDS_MAX = 30.0
"""How long a launch waits for the successor of a supervisor that has died."""

_UNLIMITED = 2**64 - 1
"""What C calls RLIM_INFINITY, and Python -1."""


class UriFetcher(Protocol):
    """Brings what URIs name into a sandbox."""

    async def fetch(self, uris: Sequence[URI], sandbox: Path, owner: Owner | None) -> None:
        """Fetch all, or raise ``FetchFailed`` for the first that cannot be had."""


def state_directory(work_dir: Path) -> Path:
    """Return where the supervisor of ``work_dir`` keeps its socket, lock, journal and log."""
    return work_dir / "meta" / "supervisor"


class _Preparation:
    """A launch before its process is asked for; it can be given up from outside."""

    def __init__(self) -> None:
        self.scope = asyncio.timeout(None)
        self.is_over = asyncio.Event()
        self._is_given_up = False

    def give_up(self) -> None:
        if not self._is_given_up:
            self._is_given_up = True
            self.scope.reschedule(asyncio.get_running_loop().time())


class PosixContainerizer:
    """The containerizer that needs nothing but processes (see ``Containerizer``).

    Args:
        work_dir: The agent's work directory; sandboxes lie below it.
        fetcher: What carries out the URIs of a launch.
        recovery_timeout: How many seconds containers go on without an agent.
        switch_user: Whether containers run as the user they name; otherwise, and always without
            root, as the agent's.
        runtime_dir: Where the supervisor's socket is; with its other files if not given.
        supervisor_code: What the supervisor runs; this package's if not given.

    Attributes:
        switches_user: Whether they do.
    """

    def __init__(
        self,
        work_dir: Path,
        fetcher: UriFetcher,
        *,
        recovery_timeout: float = RECOVERY_TIMEOUT_SECONDS,
        switch_user: bool = True,
        runtime_dir: Path | None = None,
        supervisor_code: SupervisorCode | None = None,
    ) -> None:
        # Resolved once: below it no symbolic link is followed, above it they are the operator's.
        self._work_dir = work_dir.resolve()
        self._fetcher = fetcher
        self.switches_user = switch_user and os.geteuid() == 0
        self._state_directory = state_directory(self._work_dir)
        self._process = SupervisorProcess(
            self._state_directory,
            recovery_timeout,
            runtime_dir=runtime_dir.resolve() if runtime_dir is not None else None,
            code=supervisor_code,
        )
        self._connection: SupervisorConnection | None = None
        self._is_connected = asyncio.Event()
        self._supervisor_pid = 0
        self._running: dict[ContainerID, int] = {}
        self._preparing: dict[ContainerID, _Preparation] = {}
        self.destroys_failed = 0
        """How many containers resisted."""
        self._starting: dict[ContainerID, list[Exited]] = {}
        # Until ``recover`` is called, what the supervisor tells belongs into its answer.
        self._recovered: dict[ContainerID, Recovered] | None = None
        self._usage = UsageReader()
        self._volumes = VolumeKeeper(self._work_dir)
        self.on_exit: Callable[[Exited], None] | None = None
        self.on_supervisor_lost: Callable[[], None] | None = None
        self.on_supervisor_kept: Callable[[str], None] | None = None
        """Called when one of another code is taken as it is, with the reason."""

    async def start(self) -> None:
        """Find the supervisor of this work directory, or start one."""
        self._work_dir.mkdir(parents=True, exist_ok=True)
        connection, hello = await self._process.connect()
        self._connection = connection
        if self.supervisor_difference is not None and self.on_supervisor_kept is not None:
            self.on_supervisor_kept(self.supervisor_difference)
        self._supervisor_pid = hello["pid"]
        self._recovered = {
            item["container_id"]: Recovered(
                container_id=item["container_id"],
                pid=item["pid"],
                sandbox=item["sandbox"],
                exited=Exited(**item["exited"]) if item["exited"] else None,
            )
            for item in hello["containers"]
        }
        self._running = {r.container_id: r.pid for r in self._recovered.values() if not r.exited}
        connection.listen(self._on_exited, self._on_lost)
        self._is_connected.set()

    async def recover(self) -> list[Recovered]:
        """Return every container that is running or whose exit nobody has acknowledged."""
        recovered, self._recovered = self._recovered or {}, None
        return list(recovered.values())

    async def launch(self, spec: LaunchSpec) -> int:
        """Make the sandbox, fetch into it, start the first process and return its pid."""
        container_id = spec.container_id
        if container_id in self._preparing or container_id in self._running:
            raise LaunchFailed(f"there is already a container {container_id}")
        preparation = _Preparation()
        self._preparing[container_id] = preparation
        try:
            async with preparation.scope:
                request = await self._prepare(spec)
                await self._wait_for_supervisor()
        except TimeoutError:
            raise LaunchFailed("the container was destroyed before it started") from None
        finally:
            del self._preparing[container_id]
            preparation.is_over.set()
        return await self._start_process(container_id, request)

    def kill(self, container_id: ContainerID, signal: int) -> None:
        """Send ``signal`` to the group of the first process; an unknown id is no error."""
        if self._connection is not None and container_id in self._running:
            self._connection.tell("kill", container_id=container_id, signal=int(signal))

    async def destroy(self, container_id: ContainerID) -> None:
        """End the whole process tree; return when none of it is left."""
        preparing = self._preparing.get(container_id)
        if preparing is not None:
            preparing.give_up()
            await preparing.is_over.wait()
        if self._connection is None:
            return
        try:
            await self._connection.request("destroy", container_id=container_id)
        except SupervisorLost:
            return  # its successor, or ``kill_orphans``, ends the container
        except RequestRefused as error:
            self.destroys_failed += 1
            raise DestroyFailed(str(error)) from None

    def acknowledge_exit(self, container_id: ContainerID) -> None:
        """Let the record of an exit be forgotten."""
        if self._connection is not None:
            self._connection.tell("forget", container_id=container_id)

    async def change_volumes(self, change: VolumeChange) -> None:
        """Make or wipe volumes, after every earlier change to the same ones."""
        await self._volumes.change(change)

    async def link_volumes(
        self, sandbox: str, volumes: Sequence[VolumeLink], user: str | None
    ) -> None:
        """Let a container that runs already find volumes in its sandbox."""
        try:
            owner = self._owner(user)
        except LookupError as error:
            raise VolumeFailed(str(error)) from None
        await self._volumes.link(sandbox, volumes, owner)

    async def unlink_volumes(self, sandbox: str, volumes: Sequence[VolumeLink]) -> None:
        """Take volumes out of a sandbox again; what the container made of the links stays."""
        await self._volumes.unlink(sandbox, volumes)

    async def usage(self, container_id: ContainerID) -> ResourceStatistics | None:
        """Return what the process tree uses; ``None`` for a container that does not run."""
        pid = self._running.get(container_id)
        if pid is None:
            return None
        return await self._usage.read(container_id, pid, self._supervisor_pid)

    @property
    def supervisor_difference(self) -> str | None:
        """Why the supervisor is another code's, or elsewhere, than was wanted, if it is."""
        return self._process.difference

    def status(self, container_id: ContainerID) -> int | None:
        """Return the pid of the first process; ``None`` for a container that does not run."""
        return self._running.get(container_id)

    async def stop(self, *, kill_all: bool) -> None:
        """Let go of the supervisor; with ``kill_all`` end every container, and it, first.

        A supervisor without containers ends in any case: what it remembers of exits is on the
        disk for its successor.
        """
        for preparing in list(self._preparing.values()):
            preparing.give_up()
        connection = self._connection
        if connection is None:
            return
        connection.expect_end()
        kill_all = kill_all or not (self._running or self._starting)
        if kill_all:
            with contextlib.suppress(SupervisorLost):
                await connection.request("stop")
        self._connection = None
        await connection.close()
        if kill_all:
            await self._process.wait()
        self._running.clear()

    async def kill_orphans(self) -> list[ContainerID]:
        """End all that a dead supervisor left behind, without starting another.

        Returns:
            The containers of which something was still there.

        Raises:
            SupervisorAlive: There is a supervisor; its containers are no orphans.
        """
        self._process.reap()
        return await asyncio.to_thread(kill_orphans, self._state_directory)

    async def _prepare(self, spec: LaunchSpec) -> dict[str, Any]:
        sandbox = Path(spec.sandbox)
        try:
            owner = self._owner(spec.user)
            create_sandbox(self._work_dir, sandbox, owner)
            if spec.uris:
                await self._fetcher.fetch(spec.uris, sandbox, owner)
            if spec.volumes:
                # Behind the fetcher, which must not get to write into them.
                await self._volumes.link(spec.sandbox, spec.volumes, owner)
            return _request_of(spec, owner)
        except FetchFailed as error:
            raise LaunchFailed(str(error), uri=error.uri) from None
        except (VolumeFailed, OSError, LookupError, ValueError) as error:
            # A ValueError is what Python has for texts that no system call takes.
            raise LaunchFailed(str(error)) from None

    async def _wait_for_supervisor(self) -> None:
        # An agent whose launches all failed at once would draw tasks from everybody meanwhile.
        try:
            async with asyncio.timeout(SUPERVISOR_SECONDS_MAX):
                await self._is_connected.wait()
        except TimeoutError:
            raise LaunchFailed("the supervisor is not running") from None

    def _owner(self, user: str | None) -> Owner | None:
        return find_owner(user) if self.switches_user else None

    async def _start_process(self, container_id: ContainerID, request: dict[str, Any]) -> int:
        connection = self._connection
        if connection is None:
            raise LaunchFailed("the supervisor is not running")
        early: list[Exited] = []
        self._starting[container_id] = early
        try:
            answer = await connection.request("launch", **request)
        except asyncio.CancelledError:
            connection.tell("destroy", container_id=container_id)
            raise
        except (RequestRefused, SupervisorLost) as error:
            raise LaunchFailed(str(error)) from None
        finally:
            del self._starting[container_id]
        # A short process may have ended by now; its pid must still be known before its end is.
        if early:
            asyncio.get_running_loop().call_soon(self._deliver, early[0])
        elif self._connection is connection:
            self._running[container_id] = answer["pid"]
        pid: int = answer["pid"]
        return pid

    def _on_exited(self, message: dict[str, Any]) -> None:
        exited = Exited(**message)
        self._running.pop(exited.container_id, None)
        if self._recovered is not None and exited.container_id in self._recovered:
            known = self._recovered[exited.container_id]
            self._recovered[exited.container_id] = Recovered(
                container_id=known.container_id,
                pid=known.pid,
                sandbox=known.sandbox,
                exited=exited,
            )
        elif exited.container_id in self._starting:
            self._starting[exited.container_id].append(exited)
        else:
            self._deliver(exited)

    def _deliver(self, exited: Exited) -> None:
        if self.on_exit is not None:
            self.on_exit(exited)

    def _on_lost(self) -> None:
        self._connection = None
        self._is_connected.clear()
        self._running.clear()
        if self.on_supervisor_lost is not None:
            self.on_supervisor_lost()


def _request_of(spec: LaunchSpec, owner: Owner | None) -> dict[str, Any]:
    request: dict[str, Any] = {
        "container_id": spec.container_id,
        "sandbox": spec.sandbox,
        "argv": spec.argv,
        "executable": spec.executable,
        "environment": spec.environment,
        "working_directory": str(Path(spec.sandbox, spec.working_directory or "")),
        "rlimits": [_rlimit_of(rlimit) for rlimit in spec.rlimits],
    }
    if owner is not None:
        request |= {"uid": owner.uid, "gid": owner.gid, "groups": list(owner.groups)}
    return request


def _rlimit_of(rlimit: Rlimit) -> list[int]:
    which = getattr(resource, rlimit.resource, None)
    if not rlimit.resource.startswith("RLIMIT_") or not isinstance(which, int):
        raise LookupError(f"{rlimit.resource!r} is no limit that this machine knows")
    limits = [
        resource.RLIM_INFINITY if value in (None, _UNLIMITED) else value
        for value in (rlimit.soft, rlimit.hard)
    ]
    return [which, *limits]
