"""The agent's end of the supervisor's socket: find the supervisor or start it, ask and be told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tepui.containers.protocol import SupervisorLost
from tepui.containers.supervisor.frames import (
    REPLY_BYTES_MAX,
    VERSION,
    VERSION_MIN,
    Decoder,
    FrameError,
    Message,
    encode,
)
from tepui.containers.supervisor.link import SOCKET_NAME
from tepui.containers.supervisor.main import (
    ALREADY_RUNNING,
    JOURNAL_NAME,
    JOURNAL_TOO_NEW,
    LOCK_NAME,
)
from tepui.containers.supervisor_code import SupervisorCode, socket_directory
from tepui.linux.processes import read_process, send_signal

START_ATTEMPTS_MAX = 200
START_ATTEMPT_SECONDS = 0.05
"""Another supervisor may be on its way up, or down: ten seconds are granted to it."""

LOG_NAME = "log"


class RequestRefused(Exception):
    """The supervisor did not do what it was asked; the text says why."""


class SupervisorConnection(asyncio.Protocol):
    """Requests with their answers, and news, over one socket."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoder = Decoder(REPLY_BYTES_MAX)
        self._transport: asyncio.Transport | None = None
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._last_id = 0
        self._outgoing: list[bytes] = []
        self._is_closing = False
        self._closed = self._loop.create_future()
        self._early: list[Message] = []
        self._on_exited: Callable[[Message], None] = self._early.append
        self._on_lost: Callable[[], None] | None = None

    def listen(
        self, on_exited: Callable[[Message], None], on_lost: Callable[[], None] | None
    ) -> None:
        """Hear of ends, also of those that were told before somebody listened.

        Args:
            on_exited: Called with each container's end that the supervisor tells of.
            on_lost: Called once, when the connection breaks although nobody closed it.
        """
        self._on_exited, self._on_lost = on_exited, on_lost
        # The answer to a hello and the news behind it may come as one.
        for exited in self._early:
            on_exited(exited)
        self._early.clear()
        if self._transport is None and on_lost is not None:
            on_lost()

    def request(self, call: str, **fields: Any) -> asyncio.Future[Message]:
        """Ask for something.

        Returns:
            The answer to await; it raises ``RequestRefused`` or ``SupervisorLost``.
        """
        answer: asyncio.Future[Message] = self._loop.create_future()
        if self._transport is None:
            answer.set_exception(SupervisorLost("there is no connection to the supervisor"))
            return answer
        self._last_id += 1
        self._answers[self._last_id] = answer
        self._send({"id": self._last_id, "call": call, **fields})
        return answer

    def tell(self, call: str, **fields: Any) -> None:
        """Ask for something whose answer does not matter."""
        if self._transport is not None:
            self._send({"id": 0, "call": call, **fields})

    def expect_end(self) -> None:
        """The supervisor is about to hang up; ``on_lost`` is not called."""
        self._is_closing = True

    async def close(self) -> None:
        """Hang up; ``on_lost`` is not called."""
        self.expect_end()
        if self._transport is not None:
            self._flush()
            self._transport.close()
            await self._closed

    def _send(self, message: Message) -> None:
        # What one turn of the loop asks for goes out in one write.
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(encode(message))

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio's callback)."""
        # Not an instance of asyncio.Transport under uvloop, whose pipes have a class of their own.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand out answers and news (asyncio's callback)."""
        assert self._transport is not None
        try:
            messages = self._decoder.feed(data)
        except FrameError:
            self._transport.abort()
            return
        for message in messages:
            if "exited" in message:
                self._on_exited(message["exited"])
            else:
                self._on_answer(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is waiting (asyncio's callback)."""
        self._transport = None
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(SupervisorLost("the supervisor hung up"))
        if not self._closed.done():
            self._closed.set_result(None)
        if not self._is_closing and self._on_lost is not None:
            self._on_lost()

    def _on_answer(self, message: Message) -> None:
        answer = self._answers.pop(message.get("id") or 0, None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(RequestRefused(message["error"]))
        else:
            answer.set_result(message["ok"])


class SupervisorProcess:
    """Finds the supervisor of a state directory, and starts one where there is none.

    One that runs another code, or has its socket elsewhere, goes on as it is wanted (its children
    stay with it), or is replaced while nothing runs; if neither can be, it is taken as it is.

    Args:
        directory: The state directory.
        recovery_timeout: How many seconds it waits for an agent to return.
        runtime_dir: Where its socket is, in a directory of its own; the state directory if None.
        code: What it runs.

    Attributes:
        difference: Why the supervisor is not as it is wanted, if it is not.
    """

    def __init__(
        self,
        directory: Path,
        recovery_timeout: float,
        *,
        runtime_dir: Path | None = None,
        code: SupervisorCode | None = None,
    ) -> None:
        self._directory = directory
        self._recovery_timeout = recovery_timeout
        self._runtime_dir = runtime_dir
        self._code = code or SupervisorCode.own()
        self._child: int | None = None
        self.difference: str | None = None

    async def connect(self) -> tuple[SupervisorConnection, Message]:
        """Return a connection to a living supervisor, and what it said to our hello.

        Raises:
            SupervisorLost: There is none and none could be started, or it speaks another language.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = str(socket_directory(self._runtime_dir, self._directory))
        self.difference = None
        connection, hello, refusal = await self._meet(place)
        if hello is not None and _is_as_wanted(hello, self._code, place):
            return connection, hello
        self.difference = await self._replace(connection, hello, place)
        if self.difference is None:
            connection, hello, refusal = await self._meet(place)
            if hello is not None and not _is_as_wanted(hello, self._code, place):
                self.difference = "it has not become what it was asked to be"
        if hello is None:
            await connection.close()
            raise SupervisorLost(f"the supervisor refuses us: {refusal}")
        return connection, hello

    def reap(self) -> None:
        """Let go of a child that has ended."""
        if self._child is not None:
            try:
                pid, _ = os.waitpid(self._child, os.WNOHANG)
            except ChildProcessError:
                pid = self._child
            if pid == self._child:
                self._child = None

    async def wait(self) -> None:
        """Wait for the end of a supervisor that was told to stop, if it is our child."""
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ChildProcessError):
                await asyncio.to_thread(os.waitpid, child, 0)

    async def _meet(self, place: str) -> tuple[SupervisorConnection, Message | None, str]:
        """Connect to the supervisor, after its start if need be.

        Returns:
            The connection, and what it says to our hello, or else why it says nothing.
        """
        problem = "it does not answer"
        for _ in range(START_ATTEMPTS_MAX):
            self.reap()
            connection = await self._try_connect()
            if connection is None:
                problem = await self._start(place) or problem
                connection = await self._try_connect()
            if connection is not None:
                try:
                    return connection, await self._greet(connection), ""
                except SupervisorLost as error:
                    problem = str(error)
                except RequestRefused as error:
                    return connection, None, str(error)
            await asyncio.sleep(START_ATTEMPT_SECONDS)
        log_path = self._directory / LOG_NAME
        raise SupervisorLost(f"no supervisor could be started: {problem}; see {log_path}")

    async def _greet(self, connection: SupervisorConnection) -> Message:
        return await connection.request(
            "hello",
            version=VERSION,
            version_min=VERSION_MIN,
            recovery_timeout=self._recovery_timeout,
        )

    async def _replace(
        self, connection: SupervisorConnection, hello: Message | None, place: str
    ) -> str | None:
        """Have another code go on in its place; return why that is not to be."""
        code = self._code
        is_idle = hello is not None and all(item["exited"] for item in hello["containers"])
        try:
            if is_idle:
                await connection.request("stop")
                await connection.close()
                await self.wait()
                return None
            await connection.request(
                "upgrade",
                executable=code.executable,
                script=code.script,
                code=code.identity,
                socket_directory=place,
            )
        except RequestRefused as error:
            return str(error)
        except SupervisorLost:
            return None  # it has hung up: the new code is at work
        return "it says that it goes on, but does not hang up"

    async def _try_connect(self) -> SupervisorConnection | None:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            peer.setblocking(False)
            # Through the descriptor, as an address may hold no more than 108 bytes.
            peer.connect(f"/proc/self/fd/{descriptor}/{SOCKET_NAME}")
            credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            _pid, uid, _gid = struct.unpack("3i", credentials)
            if uid not in (0, os.geteuid()):
                raise PermissionError(f"user {uid} listens where the supervisor should")
        except OSError:
            peer.close()
            return None
        finally:
            os.close(descriptor)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(SupervisorConnection, sock=peer)
        return connection

    async def _start(self, place: str) -> str | None:
        """Start one and wait until it listens; return what is wrong, if it is not up."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            child = self._child = self._spawn(writer, place)
        except OSError as error:
            os.close(reader)
            return str(error)
        finally:
            os.close(writer)
        try:
            said = await asyncio.to_thread(os.read, reader, 16)
        finally:
            os.close(reader)
        if said:
            return None
        self._child = None
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == ALREADY_RUNNING:
            self._ask_to_listen()
            return "another one holds the state directory, but does not answer"
        if code == JOURNAL_TOO_NEW:
            raise SupervisorLost(
                f"{self._directory / JOURNAL_NAME} was written by a newer release: start that"
            )
        return f"it ended with wait status {status}"

    def _ask_to_listen(self) -> None:
        """Have the living supervisor make its socket anew, which somebody may have removed."""
        try:
            pid, start = (self._directory / LOCK_NAME).read_text(encoding="ascii").split()
            process = read_process(int(pid))
        except (OSError, ValueError):
            return  # it has not signed yet, so that it is about to listen
        if process is not None and process.start == int(start):
            send_signal(process, signal.SIGHUP)

    def _spawn(self, ready: int, place: str) -> int:
        inherited = 3 if ready != 3 else 4
        code = self._code
        arguments = [
            *(code.executable, "-I", "-S", code.script),
            *(str(self._directory), str(self._recovery_timeout), str(inherited)),
            *(f"code={code.identity}", f"socket={place}"),
        ]
        log_flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # A session of its own, so that no signal to the agent's group or terminal reaches it,
        # and its own log, so that it keeps nothing of the agent's open.
        return os.posix_spawn(
            code.executable,
            arguments,
            {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self._directory / LOG_NAME), log_flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, ready, inherited),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=signal.valid_signals(),
        )


def _is_as_wanted(hello: Message, code: SupervisorCode, place: str) -> bool:
    # Releases before there were handovers say neither.
    return (hello.get("code"), hello.get("socket_directory")) == (code.identity, place)
