"""The parent of a machine's containers: it survives the agent, and remembers how they ended.

Containers are imagined: a task's command says how long it runs and with what status it ends (see
`command`). What the supervisor tells takes a moment to reach the agent, in order.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from tepui.base.rng import Rng
from tepui.containers.protocol import Exited, LaunchSpec, Recovered
from tepui.sim.clock import Clock, NodeClock
from tepui.sim.observations import ContainerEnded, ContainerStarted
from tepui.sim.processes import Observe

FIRST_PID = 100

TERM_SECONDS = (0.0, 1.5)
"""How long a process takes to end when it is asked to."""

STUBBORN_SHARE = 0.1
"""So many processes do not listen when they are asked to end."""

KILL_SECONDS = (0.001, 0.05)


def command(seconds: float, status: int) -> str:
    """Return the command of a task that runs for so long and ends with an exit status."""
    return f"run {seconds!r} {status}"


def _read(spec: LaunchSpec) -> tuple[float, int]:
    """Return how long a container runs, and the wait(2) status it ends with."""
    words = spec.argv[-1].split() if spec.argv else []
    if len(words) == 3 and words[0] == "run":
        return float(words[1]), int(words[2]) << 8
    return float("inf"), 0


class Container:
    """One container, running or not yet forgotten."""

    __slots__ = (
        "container_id",
        "exited",
        "framework_id",
        "is_stubborn",
        "pid",
        "sandbox",
        "task_id",
    )

    def __init__(
        self,
        container_id: str,
        pid: int,
        sandbox: str,
        framework_id: str,
        task_id: str | None,
        is_stubborn: bool,
    ) -> None:
        self.container_id = container_id
        self.pid = pid
        self.sandbox = sandbox
        self.framework_id = framework_id
        self.task_id = task_id
        self.is_stubborn = is_stubborn
        self.exited: Exited | None = None


class Supervisor:
    """All containers of one machine.

    Attributes:
        containers: By id: those that run, and those whose end nobody has acknowledged.
        is_alive: Whether the process runs; without it nothing is told and nobody is killed.
        on_exit: Told of ends; set by the agent that is there.
        on_lost: Called when the process dies; set by the agent that is there.
    """

    def __init__(
        self, node: str, clock: Clock, times: NodeClock, rng: Rng, observe: Observe
    ) -> None:
        self.containers: dict[str, Container] = {}
        self.is_alive = False
        self.on_exit: Callable[[Exited], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self._node = node
        self._clock = clock
        self._times = times
        self._rng = rng
        self._observe = observe
        self._pids = FIRST_PID
        self._absences = 0

    # -- what agents ask --

    def start(self) -> list[Recovered]:
        """Find the process or start one; return what there is of containers.

        What a dead one left running is ended first.
        """
        self._absences += 1
        if not self.is_alive:
            self.is_alive = True
            for container in list(self.containers.values()):
                self._end(container, None, "an orphan of a dead supervisor")
        return [
            Recovered(
                container_id=each.container_id,
                pid=each.pid,
                sandbox=each.sandbox,
                exited=each.exited,
            )
            for each in self.containers.values()
        ]

    def leave(self, recovery_timeout: float) -> None:
        """Be without an agent; if none returns in time, end all and the process itself."""
        self.on_exit = self.on_lost = None
        self._absences += 1
        self._clock.after(recovery_timeout, self._give_up, self._absences)

    def launch(self, spec: LaunchSpec, framework_id: str, task_id: str | None) -> int:
        """Start a container's first process and return its pid."""
        self._pids += 1
        container = Container(
            spec.container_id,
            self._pids,
            spec.sandbox,
            framework_id,
            task_id,
            self._rng.unit() < STUBBORN_SHARE,
        )
        self.containers[spec.container_id] = container
        self._observe(
            ContainerStarted(
                at=self._clock.now,
                node=self._node,
                container_id=spec.container_id,
                framework_id=framework_id,
                task_id=task_id,
            )
        )
        seconds, status = _read(spec)
        if seconds != float("inf"):
            self._clock.after(seconds, self._end, container, status, "it was done")
        return self._pids

    def kill(self, container_id: str, number: int) -> None:
        """Send a signal."""
        container = self.containers.get(container_id)
        if container is None or not self.is_alive:
            return
        if number == signal.SIGKILL:
            self._clock.after(self._rng.between(*KILL_SECONDS), self._end, container, 9, "SIGKILL")
        elif not container.is_stubborn:
            seconds = self._rng.between(*TERM_SECONDS)
            self._clock.after(seconds, self._end, container, number, "it was asked to end")

    def destroy(self, container_id: str) -> None:
        """End a process tree by force."""
        self.kill(container_id, signal.SIGKILL)

    def acknowledge(self, container_id: str) -> None:
        """Forget how a container ended."""
        container = self.containers.get(container_id)
        if container is not None and container.exited is not None:
            del self.containers[container_id]

    def stop(self) -> None:
        """End all containers, and the process."""
        for container in list(self.containers.values()):
            self._end(container, 9, "the agent leaves")
        self.on_exit = self.on_lost = None
        self.containers.clear()
        self.is_alive = False

    # -- what happens to it --

    def crash(self) -> bool:
        """Die; containers go on as orphans until an agent sees to them."""
        if not self.is_alive:
            return False
        self.is_alive = False
        if self.on_lost is not None:
            self.on_lost()
        return True

    def lose_power(self) -> None:
        """Be gone with all processes; how they ended is not known."""
        self.on_exit = self.on_lost = None
        self.is_alive = False
        self._absences += 1
        for container in list(self.containers.values()):
            self._end(container, None, "the machine lost power")

    def _give_up(self, absences: int) -> None:
        if absences != self._absences or not self.is_alive:
            return
        for container in list(self.containers.values()):
            self._end(container, 9, "no agent returned in time")
        self.is_alive = False

    def _end(self, container: Container, status: int | None, reason: str) -> None:
        if container.exited is not None:
            return
        if status is not None and not self.is_alive:
            status = None  # nobody was there to see
        container.exited = exited = Exited(
            container_id=container.container_id, status=status, at=self._times.read().wall
        )
        self._observe(
            ContainerEnded(
                at=self._clock.now,
                node=self._node,
                container_id=container.container_id,
                framework_id=container.framework_id,
                task_id=container.task_id,
                status=status,
                reason=reason,
            )
        )
        if self.is_alive and self.on_exit is not None:
            self.on_exit(exited)
