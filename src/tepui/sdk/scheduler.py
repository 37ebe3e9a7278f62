"""The scheduler client: one framework's subscription, its events and its calls."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Final, Self

import msgspec

from tepui.base.rng import Rng
from tepui.http.client import Client, ClientStream, ConnectionFailed
from tepui.messages import FrameworkID, FrameworkInfo, TaskStatus, scheduler
from tepui.sdk.calls import SchedulerCalls
from tepui.sdk.core import subscription as core
from tepui.sdk.core.subscription import SchedulerEvent, Subscription
from tepui.sdk.errors import (
    BadAnswer,
    CallRejected,
    FrameworkEnded,
    NotSubscribed,
    SdkError,
    Unreachable,
)
from tepui.sdk.masters import ElectedMasters, find_masters
from tepui.sdk.wire import Content, Wire

PATH: Final = "/api/v1/scheduler"
STREAM_ID: Final = "Mesos-Stream-Id"

EVENTS_MAX: Final = 100
"""Events waiting for the scheduler; beyond it the client stops reading the stream."""

ACKNOWLEDGEMENTS_MAX: Final = 1_000
ACKNOWLEDGERS: Final = 4

Call = scheduler.Call


class SchedulerClient(SchedulerCalls):
    """A framework's connection with the cluster; use it as an asynchronous context manager.

    Entering it starts to subscribe; iterating it gives the events, each as its payload:
    ``Event.Offers``, ``Event.Update`` and so on. Lost streams, masters that fail and leaders
    that change are handled inside: a further ``Event.Subscribed`` tells of it, and the
    scheduler may want to reconcile its tasks then. The framework's id is kept; give the
    framework a ``failover_timeout``, or the master removes it as soon as its stream is lost.

    With ``auto_acknowledge``, an update counts as handled when the next event is asked for (or
    when the client is left without an exception), and is acknowledged then.

    Example:
        >>> from tepui.messages import FrameworkInfo
        >>> from tepui.messages.scheduler import Event
        >>> async def decline_everything(master: str) -> None:
        ...     info = FrameworkInfo(user="nobody", name="picky")
        ...     async with SchedulerClient(master, info) as client:
        ...         async for event in client:
        ...             match event:
        ...                 case Event.Offers(offers=offers):
        ...                     await client.decline(offers, refuse_seconds=60)
        ...                 case Event.Update(status=status):
        ...                     print(status.task_id.value, status.state.value)
    """

    def __init__(
        self,
        masters: str | Sequence[str],
        framework_info: FrameworkInfo,
        *,
        content: Content = "json",
        auto_acknowledge: bool = True,
        suppressed_roles: Iterable[str] = (),
        offer_constraints: scheduler.OfferConstraints | None = None,
        timeout_seconds: float = 10.0,
        backoff: core.Backoff | None = None,
        headers: Iterable[tuple[str, str]] = (),
        seed: int | None = None,
    ) -> None:
        """Prepare; nothing is connected before the client is entered.

        Args:
            masters: Addresses of masters, separated by commas or in a sequence, any of which
                leads to the leader; or ``zk://host:port/path``, where the leader is found; or
                ``file://`` and a path, a file with one of these.
            framework_info: Who subscribes. With ``id``, the framework of that id is taken over.
            content: Whether to speak JSON or protobuf.
            auto_acknowledge: Whether to acknowledge updates that were handled.
            suppressed_roles: Roles that want no offers for now.
            offer_constraints: What agents have to be like to be offered.
            timeout_seconds: How long one request may take.
            backoff: How long to wait between attempts to subscribe.
            headers: Sent with every request, for proxies and credentials.
            seed: Of the jitter; from the system by default.

        Raises:
            ValueError: An address is none, or ``content`` is not known.
        """
        found = find_masters(masters)
        self._elected = found if isinstance(found, ElectedMasters) else None
        self._info = framework_info
        self._wire = Wire(content)
        self._auto_acknowledge = auto_acknowledge
        self._suppressed_roles = list(suppressed_roles)
        self._offer_constraints = offer_constraints
        self._timeout_seconds = timeout_seconds
        self._headers = tuple(headers)
        self._core = Subscription(
            () if isinstance(found, ElectedMasters) else found,
            Rng(secrets.randbits(64) if seed is None else seed),
            framework_info.id,
            backoff,
        )
        self._events: asyncio.Queue[SchedulerEvent | SdkError] = asyncio.Queue(EVENTS_MAX)
        self._to_acknowledge: asyncio.Queue[TaskStatus] = asyncio.Queue(ACKNOWLEDGEMENTS_MAX)
        self._unhandled: TaskStatus | None = None
        self._end: SdkError | None = None
        self._torn_down = False
        self._subscribed = asyncio.Event()
        self._pause: asyncio.Timeout | None = None
        self._is_leader_new = False
        self._calls: dict[asyncio.Timeout, None] = {}
        self._stack = AsyncExitStack()
        self._http: Client

    # -- life --

    async def __aenter__(self) -> Self:
        self._http = await self._stack.enter_async_context(
            Client(timeout_seconds=self._timeout_seconds)
        )
        owner = await self._stack.enter_async_context(asyncio.TaskGroup())
        tasks = [owner.create_task(self._stay_subscribed())]
        if self._elected is not None:
            self._elected.on_change = self._on_leader_changed
            tasks.append(owner.create_task(self._elected.run()))
        if self._auto_acknowledge:
            tasks += [owner.create_task(self._acknowledge_handled()) for _ in range(ACKNOWLEDGERS)]
        for task in tasks:
            self._stack.callback(task.cancel)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and not self._torn_down:
                await self._acknowledge_rest()
        finally:
            # Without the exception: a task group would wrap it into a group.
            await self._stack.aclose()

    async def _acknowledge_rest(self) -> None:
        await self._mark_handled()
        # What cannot be acknowledged by then is sent again by the master, to whoever is next.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._to_acknowledge.join(), self._timeout_seconds)

    # -- events --

    def __aiter__(self) -> AsyncIterator[SchedulerEvent]:
        return self

    async def __anext__(self) -> SchedulerEvent:
        """Return the next event.

        Raises:
            FrameworkEnded: The master ended the subscription, and not because of `teardown`.
            CallRejected: The master refused the subscription.
            BadAnswer: What answers there is no master.
        """
        await self._mark_handled()
        if self._end is not None and self._events.empty():
            raise self._end_of(self._end)
        event = await self._events.get()
        if isinstance(event, SdkError):
            raise self._end_of(event)
        if isinstance(event, scheduler.Event.Update) and self._auto_acknowledge:
            self._unhandled = event.status
        return event

    def _end_of(self, error: SdkError) -> SdkError | StopAsyncIteration:
        return StopAsyncIteration() if self._torn_down else error

    async def _mark_handled(self) -> None:
        handled, self._unhandled = self._unhandled, None
        # Only updates with a uuid wait for an acknowledgement.
        if handled is not None and handled.uuid is not None:
            await self._to_acknowledge.put(handled)

    async def _acknowledge_handled(self) -> None:
        while True:
            status = await self._to_acknowledge.get()
            # The agent repeats what is not acknowledged, so that a failure here costs time only.
            with suppress(SdkError):
                await self.acknowledge(status)
            self._to_acknowledge.task_done()

    # -- state --

    @property
    def framework_id(self) -> FrameworkID | None:
        """The framework's id, once it is subscribed."""
        return self._core.framework_id

    @property
    def framework_info(self) -> FrameworkInfo:
        """What the framework subscribes with, with its id once it is known."""
        return msgspec.structs.replace(self._info, id=self._core.framework_id)

    @property
    def is_subscribed(self) -> bool:
        """Whether calls can be made now."""
        return self._core.state is core.State.SUBSCRIBED

    @property
    def master_url(self) -> str:
        """The master that was asked last: the leader, while subscribed."""
        return self._core.url

    async def wait_until_subscribed(self) -> FrameworkID:
        """Wait for a subscription and return the framework's id.

        Raises:
            SdkError: The subscription was refused for good.
        """
        await self._subscribed.wait()
        if self._end is not None:
            raise self._end
        assert self._core.framework_id is not None
        return self._core.framework_id

    # -- calls --

    async def update_framework(
        self,
        framework_info: FrameworkInfo,
        *,
        suppressed_roles: Iterable[str] = (),
        offer_constraints: scheduler.OfferConstraints | None = None,
    ) -> None:
        """Change what the framework says of itself, now and when it subscribes again."""
        info = msgspec.structs.replace(framework_info, id=self._core.framework_id)
        suppressed = list(suppressed_roles)
        update = Call.UpdateFramework(
            framework_info=info, suppressed_roles=suppressed, offer_constraints=offer_constraints
        )
        await self.call(Call(type=Call.Type.UPDATE_FRAMEWORK, update_framework=update))
        self._info = info
        self._suppressed_roles = suppressed
        self._offer_constraints = offer_constraints

    async def teardown(self) -> None:
        """End the framework with all of its tasks; the events end after that."""
        await self.call(Call(type=Call.Type.TEARDOWN))
        self._torn_down = True

    async def call(self, call: scheduler.Call) -> None:
        """Make a call in this framework's name; the methods above make the usual ones.

        Raises:
            NotSubscribed: There is no subscription at the moment.
            Unreachable: The leader did not answer, or is none any more.
            CallRejected: The master refused the call.
        """
        named = msgspec.structs.replace(call, framework_id=self._core.framework_id)
        kind = call.type.value if call.type is not None else "a call without a type"
        if not self.is_subscribed:
            raise NotSubscribed(kind)
        headers = self._wire.headers((*self._headers, (STREAM_ID, self._core.stream_id)))
        url = self._core.url
        body = self._wire.encode(named)
        try:
            async with asyncio.timeout(None) as waiting:
                self._calls[waiting] = None
                try:
                    answer = await self._http.request("POST", url + PATH, body, headers)
                finally:
                    del self._calls[waiting]
        except ConnectionFailed as error:
            raise Unreachable(url, str(error)) from error
        except TimeoutError:
            raise Unreachable(url, "another master leads now") from None
        if answer.status in (307, 503):
            raise Unreachable(url, f"it is not the leading master (HTTP {answer.status})")
        if answer.status not in (200, 202):
            raise CallRejected(answer.status, answer.body.decode(errors="replace"))

    # -- the subscription: do what the core says, tell it how that went --

    async def _stay_subscribed(self) -> None:
        try:
            step = await self._perform(self._core.handle(await self._begin()))
            while not isinstance(step, core.Stop):
                step = await self._take(step)
            self._finish(_error_of(step.status, step.message))
        except (BadAnswer, Unreachable) as error:
            self._finish(error)

    async def _begin(self) -> core.Event:
        if self._elected is None:
            return core.Started()
        url = await self._elected.wait_for_leader()
        self._is_leader_new = False
        return core.MasterDetected(url=url)

    def _on_leader_changed(self) -> None:
        """Cut short whatever waits for the last leader: it may hang."""
        self._is_leader_new = True
        if self._moved() is None:
            return
        now = asyncio.get_running_loop().time()
        for waiting in (self._pause, *self._calls):
            # What has been cut short may not have noticed yet.
            if waiting is not None and not waiting.expired():
                waiting.reschedule(now)

    def _moved(self) -> core.MasterDetected | None:
        """Return what to do about a new leader, if there is one that has not been asked yet."""
        url = None if self._elected is None else self._elected.url
        # A stream of one that leads again where it did breaks by itself.
        if url is None or not self._is_leader_new or (self.is_subscribed and url == self._core.url):
            return None
        return core.MasterDetected(url=url)

    def _take_moved(self) -> core.MasterDetected | None:
        """Return the same, once."""
        moved = self._moved()
        self._is_leader_new = False
        return moved

    async def _wait(self, seconds: float) -> core.Event:
        """Wait, but not while there is a new leader to ask."""
        if self._moved() is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds) as self._pause:
                    await asyncio.Event().wait()
            self._pause = None
        return self._take_moved() or core.Waited()

    def _finish(self, error: SdkError) -> None:
        self._end = error
        self._subscribed.set()
        # A full queue needs no sentinel: its reader looks at the end when it is empty.
        with suppress(asyncio.QueueFull):
            self._events.put_nowait(error)

    async def _perform(self, effects: list[core.Effect]) -> _Step:
        """Deliver what there is to deliver and return the outstanding step."""
        if self.is_subscribed:
            self._subscribed.set()
        else:
            self._subscribed.clear()
        for effect in effects:
            if not isinstance(effect, core.Deliver):
                return effect
            await self._events.put(effect.event)
        raise AssertionError("the core left nothing to do")

    async def _take(self, step: core.Connect | core.Read | core.Wait) -> _Step:
        """Take one step on the way to a stream, or follow the stream to its end."""
        match step:
            case core.Wait(seconds=seconds):
                return await self._perform(self._core.handle(await self._wait(seconds)))
            case core.Connect():
                return await self._subscribe(step)
            case core.Read():
                raise AssertionError("there is no stream to read")

    async def _subscribe(self, connect: core.Connect) -> _Step:
        url = connect.url + PATH
        body = self._wire.encode(self._subscribe_call(connect.framework_id))
        headers = self._wire.headers(self._headers)
        failure: core.Event
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(None) as self._pause:
                    stream = await stack.enter_async_context(
                        self._http.stream("POST", url, body, headers)
                    )
                self._pause = None
                if stream.status == 200:
                    return await self._follow(stream)
                if stream.status == 307:
                    failure = core.Redirected(location=stream.headers.get("Location") or "")
                else:
                    text = (await stream.read()).decode(errors="replace")
                    failure = core.Refused(status=stream.status, message=text)
        except ConnectionFailed as error:
            failure = core.ConnectionFailed(reason=str(error))
        except TimeoutError:
            failure = self._take_moved() or core.ConnectionFailed(reason="another master leads")
        finally:
            self._pause = None
        return await self._perform(self._core.handle(failure))

    def _subscribe_call(self, framework_id: FrameworkID | None) -> scheduler.Call:
        subscribe = Call.Subscribe(
            framework_info=msgspec.structs.replace(self._info, id=framework_id),
            suppressed_roles=self._suppressed_roles,
            offer_constraints=self._offer_constraints,
        )
        return Call(type=Call.Type.SUBSCRIBE, framework_id=framework_id, subscribe=subscribe)

    async def _follow(self, stream: ClientStream) -> _Step:
        """Hand events to the core until the stream or the subscription ends."""
        stream_id = stream.headers.get(STREAM_ID) or ""
        step = await self._perform(self._core.handle(core.Opened(stream_id=stream_id)))
        async with aclosing(self._wire.records(stream, scheduler.Event)) as events:
            while isinstance(step, core.Read):
                event = await self._next(events, step.silence_seconds)
                step = await self._perform(self._core.handle(event))
        return step

    async def _next(
        self, events: AsyncIterator[scheduler.Event], silence_seconds: float
    ) -> core.Event:
        if (moved := self._take_moved()) is not None:
            return moved
        try:
            async with asyncio.timeout(silence_seconds) as self._pause:
                return core.Received(event=await anext(events))
        except StopAsyncIteration:
            return core.StreamEnded(reason="the master closed the stream")
        except TimeoutError:
            if (moved := self._take_moved()) is not None:
                return moved
            return core.StreamEnded(reason=f"silent for {silence_seconds:g} s")
        except ConnectionFailed as error:
            return core.StreamEnded(reason=str(error))
        finally:
            self._pause = None


_Step = core.Connect | core.Read | core.Wait | core.Stop


def _error_of(status: int | None, message: str) -> SdkError:
    return FrameworkEnded(message) if status is None else CallRejected(status, message)
