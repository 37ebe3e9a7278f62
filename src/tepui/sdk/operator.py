"""The operator client: what the leading master knows, and what the agents keep."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec

from tepui.http.client import Client, ClientResponse, ConnectionFailed
from tepui.messages import DurationInfo, FileInfo, Flag, Metric, Role, VersionInfo
from tepui.messages import agent as agent_api
from tepui.messages.master import Call, Event, Response
from tepui.sdk.core.addresses import DEFAULT_MASTER, redirected
from tepui.sdk.errors import BadAnswer, CallRejected, Unreachable
from tepui.sdk.masters import ElectedMasters, find_masters
from tepui.sdk.sharing import SharingCalls, there
from tepui.sdk.upkeep import UpkeepCalls
from tepui.sdk.wire import Content, Wire

PATH: Final = "/api/v1"
REDIRECTS_MAX: Final = 5

HEARTBEAT_SECONDS: Final = 15.0
"""What a master that does not say sends heartbeats by."""
MISSED_HEARTBEATS_MAX: Final = 5
"""After so many, nobody is at the other end of a stream of events."""


class OperatorClient(SharingCalls, UpkeepCalls):
    """Reads from a cluster and runs it; use it as an asynchronous context manager.

    Every call goes to the leading master, wherever the given addresses lead; files of
    sandboxes are read from the agents that keep them.

    Example:
        >>> async def show_agents(master: str) -> None:
        ...     async with OperatorClient(master) as operator:
        ...         for agent in (await operator.get_agents()).agents:
        ...             print(agent.agent_info.hostname, agent.active)
    """

    def __init__(
        self,
        masters: str | Sequence[str] = DEFAULT_MASTER,
        *,
        content: Content = "json",
        timeout_seconds: float = 30.0,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Prepare; nothing is connected before the client is entered.

        Args:
            masters: Addresses of masters, separated by commas or in a sequence; or
                ``zk://host:port/path``, where the leader is found; or ``file://`` and a path, a
                file with one of these.
            content: Whether to speak JSON or protobuf.
            timeout_seconds: How long one request may take.
            headers: Sent with every request, for proxies and credentials.

        Raises:
            ValueError: An address is none, or ``content`` is not known.
        """
        found = find_masters(masters)
        self._elected = found if isinstance(found, ElectedMasters) else None
        self._masters = () if isinstance(found, ElectedMasters) else found
        self._leader = self._masters[0] if self._masters else str(found)
        self._timeout_seconds = timeout_seconds
        self._stack = AsyncExitStack()
        self._wire = Wire(content)
        self._headers = tuple(headers)
        self._http = Client(timeout_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._http)
        if self._elected is not None:
            owner = await self._stack.enter_async_context(asyncio.TaskGroup())
            self._stack.callback(owner.create_task(self._elected.run()).cancel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Without the exception: a task group would wrap it into a group.
        await self._stack.aclose()

    @property
    def master_url(self) -> str:
        """The master that answered last, or the first one given, or where it is looked for."""
        return self._leader

    # -- the master --

    async def get_state(self) -> Response.GetState:
        """Return agents, frameworks, executors and tasks, all of one moment."""
        return there((await self._read(Call.Type.GET_STATE)).get_state)

    async def get_agents(self) -> Response.GetAgents:
        """Return the agents with their resources."""
        return there((await self._read(Call.Type.GET_AGENTS)).get_agents)

    async def get_frameworks(self) -> Response.GetFrameworks:
        """Return the frameworks, and the latest of those that are over."""
        return there((await self._read(Call.Type.GET_FRAMEWORKS)).get_frameworks)

    async def get_executors(self) -> Response.GetExecutors:
        """Return the custom executors."""
        return there((await self._read(Call.Type.GET_EXECUTORS)).get_executors)

    async def get_tasks(self) -> Response.GetTasks:
        """Return the tasks, and the latest of those that are over."""
        return there((await self._read(Call.Type.GET_TASKS)).get_tasks)

    async def get_roles(self) -> list[Role]:
        """Return the roles with their weights, frameworks and resources."""
        return there((await self._read(Call.Type.GET_ROLES)).get_roles).roles

    async def get_master(self) -> Response.GetMaster:
        """Return who leads and since when."""
        return there((await self._read(Call.Type.GET_MASTER)).get_master)

    async def get_health(self) -> bool:
        """Return whether the master calls itself healthy."""
        return there((await self._read(Call.Type.GET_HEALTH)).get_health).healthy

    async def get_version(self) -> VersionInfo:
        """Return the version of the master."""
        return there((await self._read(Call.Type.GET_VERSION)).get_version).version_info

    async def get_flags(self) -> list[Flag]:
        """Return the flags that the master runs with."""
        return there((await self._read(Call.Type.GET_FLAGS)).get_flags).flags

    async def get_metrics(self, timeout_seconds: float | None = None) -> list[Metric]:
        """Return the master's metrics; after the timeout, those that are there by then."""
        timeout = None
        if timeout_seconds is not None:
            timeout = DurationInfo(nanoseconds=round(timeout_seconds * 1e9))
        call = Call(type=Call.Type.GET_METRICS, get_metrics=Call.GetMetrics(timeout=timeout))
        return there((await self.ask(call)).get_metrics).metrics

    async def list_files(self, path: str) -> list[FileInfo]:
        """Return what the master has under a path that it serves."""
        call = Call(type=Call.Type.LIST_FILES, list_files=Call.ListFiles(path=path))
        return there((await self.ask(call)).list_files).file_infos

    async def read_file(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return a part of a file that the master serves."""
        read = Call.ReadFile(path=path, offset=offset, length=length)
        answer = await self.ask(Call(type=Call.Type.READ_FILE, read_file=read))
        return there(answer.read_file).data

    async def subscribe(self) -> AsyncGenerator[Event, None]:
        """Yield what happens in the cluster: at first all that there is, then each change.

        Heartbeats are among the events.

        Raises:
            Unreachable: The stream ended: changes may be missed, so subscribe again.
            CallRejected: The master does not take the subscription.

        Example:
            >>> async def watch_agents(operator: OperatorClient) -> None:
            ...     async for event in operator.subscribe():
            ...         if event.agent_removed is not None:
            ...             print(event.agent_removed.agent_id.value, "is gone")
        """
        await self.get_version()  # leads to the master that leads
        body = self._wire.encode(Call(type=Call.Type.SUBSCRIBE))
        headers = self._wire.headers(self._headers)
        url = self._leader
        silence_seconds_max = HEARTBEAT_SECONDS * MISSED_HEARTBEATS_MAX
        try:
            async with self._http.stream("POST", url + PATH, body, headers) as stream:
                if stream.status != 200:
                    text = (await stream.read()).decode(errors="replace")
                    raise CallRejected(stream.status, text)
                async with aclosing(self._wire.records(stream, Event)) as events:
                    while True:
                        async with asyncio.timeout(silence_seconds_max):
                            event = await anext(events)
                        if event.subscribed is not None:
                            interval = event.subscribed.heartbeat_interval_seconds
                            seconds = interval or HEARTBEAT_SECONDS
                            silence_seconds_max = seconds * MISSED_HEARTBEATS_MAX
                        yield event
        except StopAsyncIteration:
            raise Unreachable(url, "it closed the stream of events") from None
        except TimeoutError:
            raise Unreachable(url, f"silent for {silence_seconds_max:g} s") from None
        except ConnectionFailed as error:
            raise Unreachable(url, _cause(error, url + PATH)) from error

    async def get_json(self, path: str) -> Any:
        """Return what the leading master serves as JSON under a path, such as ``/state``.

        Raises:
            Unreachable: No master answered.
            CallRejected: The master refused the request.
            BadAnswer: The answer is not JSON.
        """
        return _parsed(await self._at_leader("GET", path, b"", self._headers))

    async def post_to_leader(self, path: str, body: bytes) -> ClientResponse:
        """Post to the leading master and return its answer, if it is a success."""
        return await self._at_leader("POST", path, body, self._wire.headers(self._headers))

    async def _read(self, kind: Call.Type) -> Response:
        return await self.ask(Call(type=kind))

    async def ask(self, call: Call) -> Response:
        """Make a call that is answered by a message; most have a method of their own."""
        answer = await self.post_to_leader(PATH, self._wire.encode(call))
        return self._wire.decode(Response, answer.body)

    async def order(self, call: Call) -> None:
        """Make a call that is answered by a status only; most have a method of their own."""
        await self.post_to_leader(PATH, self._wire.encode(call))

    async def _candidates(self) -> Iterable[str]:
        if self._elected is None:
            return dict.fromkeys((self._leader, *self._masters))
        return (await self._elected.wait_for_leader(self._timeout_seconds),)

    async def _at_leader(
        self, method: str, path: str, body: bytes, headers: Iterable[tuple[str, str]]
    ) -> ClientResponse:
        """Ask the master that led last, then the others, following redirects."""
        failure = Unreachable(self._leader, "no master was asked")
        for master in await self._candidates():
            url = master
            for _ in range(REDIRECTS_MAX):
                try:
                    answer = await self._http.request(method, url + path, body, headers)
                except ConnectionFailed as error:
                    failure = Unreachable(url, _cause(error, url + path))
                    break
                if answer.status == 503:
                    failure = Unreachable(url, "there is no leading master at the moment")
                    break
                if answer.status != 307:
                    self._leader = url
                    return _accepted(answer)
                leader = redirected(url, answer.headers.get("Location") or "")
                failure = Unreachable(url, "it redirects, and to no leader")
                if leader is None:
                    break
                url = leader
        raise failure

    # -- agents --

    async def agent_json(self, agent_url: str, path: str) -> Any:
        """Return what an agent serves as JSON under a path, such as ``/state``."""
        return _parsed(await self._at(agent_url, "GET", path))

    async def agent_call(self, agent_url: str, call: agent_api.Call) -> agent_api.Response:
        """Make an operator call to an agent and return its answer."""
        headers = self._wire.headers(self._headers)
        answer = await self._at(agent_url, "POST", PATH, self._wire.encode(call), headers)
        return self._wire.decode(agent_api.Response, answer.body)

    async def read_agent_file(
        self, agent_url: str, path: str, offset: int = 0, length: int | None = None
    ) -> AgentFile:
        """Return a part of a file that an agent serves, and the file's size.

        Agents answer with a bounded part even when more was asked for: read on from
        ``offset + len(data)``.
        """
        read = agent_api.Call.ReadFile(path=path, offset=offset, length=length)
        call = agent_api.Call(type=agent_api.Call.Type.READ_FILE, read_file=read)
        answer = there((await self.agent_call(agent_url, call)).read_file)
        return AgentFile(size=answer.size, data=answer.data)

    async def list_agent_files(self, agent_url: str, path: str) -> list[FileInfo]:
        """Return what an agent has under a path that it serves."""
        listing = agent_api.Call.ListFiles(path=path)
        call = agent_api.Call(type=agent_api.Call.Type.LIST_FILES, list_files=listing)
        return there((await self.agent_call(agent_url, call)).list_files).file_infos

    async def download(self, agent_url: str, path: str) -> bytes:
        """Return a whole file that an agent serves."""
        answer = await self._at(agent_url, "GET", f"/files/download?path={quote(path)}")
        return answer.body

    async def _at(
        self,
        url: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] | None = None,
    ) -> ClientResponse:
        sent = self._headers if headers is None else headers
        try:
            return _accepted(await self._http.request(method, url + path, body, sent))
        except ConnectionFailed as error:
            raise Unreachable(url, _cause(error, url + path)) from error


class AgentFile(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file on an agent.

    Attributes:
        size: How long the whole file is.
        data: The part that was read.
    """

    size: int
    data: bytes


def _accepted(answer: ClientResponse) -> ClientResponse:
    if answer.status not in (200, 202):
        raise CallRejected(answer.status, answer.body.decode(errors="replace"))
    return answer


def _parsed(answer: ClientResponse) -> Any:
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"an answer is not JSON: {error}") from error


def _cause(error: ConnectionFailed, url: str) -> str:
    """Return what failed: in the system's words if it was the system, without the URL if not."""
    cause = error.__cause__
    # Numbers below zero are the resolver's.
    if isinstance(cause, OSError) and (cause.errno or 0) < 0:
        return "its name is not known"
    if isinstance(cause, OSError) and cause.errno is not None:
        return os.strerror(cause.errno)
    return str(error).removeprefix(f"{url}: ")
