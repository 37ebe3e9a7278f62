"""What an agent asks of the supervisor, and what it is told."""

from __future__ import annotations

import os
import signal

from tepui.containers.supervisor.containers import Containers, State
from tepui.containers.supervisor.frames import VERSION, VERSION_MIN, Message
from tepui.containers.supervisor.handover import Successor, successor_from
from tepui.containers.supervisor.journal import Record
from tepui.containers.supervisor.launches import BadRequest, launch_from, number, text
from tepui.containers.supervisor.link import Connection, Link
from tepui.containers.supervisor.log import log

REQUESTS_PER_TURN_MAX = 16
"""A launch holds the supervisor for up to 2 ms; deaths must not wait for many of them."""


class Requests:
    """Carries out requests and remembers who waits for which end.

    Attributes:
        wake_up_at: When the supervisor has to look whether it is still needed.
        handover: The code that is to go on once this turn is over, and who asked for it.
    """

    def __init__(
        self,
        containers: Containers,
        link: Link,
        recovery_timeout: float,
        now: float,
        code: str = "",
    ) -> None:
        self._code = code
        self.handover: tuple[Successor, Connection, object] | None = None
        self._containers = containers
        self._link = link
        self._recovery_timeout = recovery_timeout
        self._agent: Connection | None = None
        self._waiting: dict[str, list[tuple[Connection, object]]] = {}
        self._stop_waiting: list[tuple[Connection, object]] = []
        self._is_stopping = False
        # The agent that started us may be gone before it says hello.
        self.wake_up_at: float | None = now + recovery_timeout

    def handle_waiting(self, now: float) -> None:
        """Carry out some of the requests that have come in, and notice an agent's absence."""
        for _ in range(REQUESTS_PER_TURN_MAX):
            if not self._link.requests:
                break
            connection, request = self._link.requests.popleft()
            # What an agent asked before it hung up still counts.
            self._handle(connection, request, now)
        self._watch_agent(now)
        if self._is_stopping:
            self._containers.destroy_all(now)

    def tell(self) -> None:
        """Queue the news for the agent; it leaves after the journal is written."""
        for record in self._containers.ended:
            if self._agent is not None:
                self._agent.send({"exited": _exit_of(record)})
            for connection, request_id in self._waiting.pop(record.container_id, []):
                connection.send({"id": request_id, "ok": {}})
        self._containers.ended.clear()
        for container_id in self._containers.stuck:
            for connection, request_id in self._waiting.pop(container_id, []):
                why = f"the processes of container {container_id} do not end"
                connection.send({"id": request_id, "error": why})
        if self.is_done():
            for connection, request_id in self._stop_waiting:
                connection.send({"id": request_id, "ok": {}})
            self._stop_waiting.clear()

    def stop_all(self, why: str) -> None:
        """Begin to end every container, and then the supervisor."""
        if not self._is_stopping:
            log("stopping", why=why)
        self._is_stopping = True

    @property
    def recovery_timeout(self) -> float:
        """How long the last agent wanted us to wait for another."""
        return self._recovery_timeout

    def is_done(self) -> bool:
        """Tell whether nothing is left to do for this supervisor."""
        return self._is_stopping and not self._containers.running_ids()

    def _watch_agent(self, now: float) -> None:
        if self._agent is not None and self._agent.is_open:
            self.wake_up_at = None
            return
        self._agent = None
        if self.wake_up_at is None:
            self.wake_up_at = now + self._recovery_timeout
        if now >= self.wake_up_at:
            self.stop_all(f"no agent came for {self._recovery_timeout} seconds")
            self.wake_up_at = now + self._recovery_timeout

    def _handle(self, connection: Connection, request: Message, now: float) -> None:
        request_id = request.get("id")
        try:
            answer = self._answer(connection, request, now)
        except BadRequest as error:
            log("request_refused", why=error)
            connection.send({"id": request_id, "error": str(error)})
        except (OSError, ValueError, OverflowError, UnicodeError) as error:
            connection.send({"id": request_id, "error": str(error)})
        else:
            if answer is not None:
                connection.send({"id": request_id, "ok": answer})

    def _answer(self, connection: Connection, request: Message, now: float) -> Message | None:
        call = request.get("call")
        if call == "hello":
            return self._hello(connection, request)
        if call == "upgrade":
            self._upgrade(connection, request)
            return None
        if connection is not self._agent and connection.is_open:
            raise BadRequest(f"{call!r} before hello, or after another agent's hello")
        match call:
            case "launch":
                if self._is_stopping:
                    raise BadRequest("the supervisor is stopping")
                return {"pid": self._containers.launch(launch_from(request))}
            case "kill":
                which = number(request, "signal")
                if which not in signal.valid_signals():
                    raise BadRequest(f"there is no signal {which}")
                self._containers.kill(text(request, "container_id"), which)
            case "destroy":
                container_id = text(request, "container_id")
                if self._containers.destroy(container_id, now):
                    waiting = self._waiting.setdefault(container_id, [])
                    waiting.append((connection, request.get("id")))
                    return None
            case "forget":
                self._containers.forget(text(request, "container_id"))
            case "stop":
                self.stop_all("the agent asked for it")
                self._stop_waiting.append((connection, request.get("id")))
                return None
            case _:
                raise BadRequest(f"there is no call {call!r}")
        return {}

    def _hello(self, connection: Connection, request: Message) -> Message:
        newest = number(request, "version")
        oldest = number(request, "version_min") if "version_min" in request else newest
        version = min(newest, VERSION)
        if version < max(oldest, VERSION_MIN):
            raise BadRequest(
                f"versions {oldest} to {newest} are not spoken here, but {VERSION_MIN} to {VERSION}"
            )
        timeout = request.get("recovery_timeout")
        if not isinstance(timeout, int | float) or not timeout >= 0:
            raise BadRequest(f"recovery_timeout is {timeout!r}, no number of seconds")
        self._recovery_timeout = float(timeout)
        if self._agent is not None and self._agent is not connection:
            log("agent_replaced")
            self._link.drop(self._agent)
        self._agent = connection
        return {
            "version": version,
            "code": self._code,
            "socket_directory": self._link.socket_directory,
            "pid": os.getpid(),
            "containers": [_state_of(*known) for known in self._containers.known()],
        }

    def _upgrade(self, connection: Connection, request: Message) -> None:
        """Go on as another code; whoever asks need not speak our versions for that."""
        agent = self._agent
        if agent is not None and agent.is_open and agent is not connection:
            raise BadRequest("an agent is served: it would take its containers for lost")
        if self._is_stopping or self.handover is not None:
            raise BadRequest("the supervisor is stopping, or goes on as another code already")
        self.handover = (successor_from(request), connection, request.get("id"))


def _state_of(record: Record, state: State) -> Message:
    return {
        "container_id": record.container_id,
        "pid": record.pid,
        "sandbox": record.sandbox,
        "exited": _exit_of(record) if state is State.ENDED else None,
    }


def _exit_of(record: Record) -> Message:
    return {"container_id": record.container_id, "status": record.status, "at": record.at}
