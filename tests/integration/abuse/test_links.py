"""The link: whoever connects there may say anything, and ends no more than himself."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tepui.http.link import Link, connect_link
from tepui.link.frames import FRAME_BYTES_MAX, to_agent_decoder
from tepui.link.messages import (
    PATH,
    VERSION_HEADER,
    ChannelClosed,
    CompletedExecutor,
    CompletedFramework,
    ExecutorExited,
    ExecutorMessage,
    ExecutorState,
    FrameworkState,
    LinkMessage,
    Pong,
    Register,
    Registered,
    Reregister,
    Unregister,
    UpdateStatus,
)
from tepui.messages import (
    AgentID,
    AgentInfo,
    Attribute,
    CommandInfo,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Resource,
    Task,
    TaskID,
    TaskState,
    TaskStatus,
    Value,
)
from tepui.sdk import scalar

pytestmark = pytest.mark.slow

FRAMES = 5_000
AGENTS = 1_000
GROWTH_MEGABYTES_MAX = 48.0
INF = float("inf")
NAN = float("nan")
AMOUNTS = (-1.0, 0.0, NAN, INF, -INF, 1e308, 1.7e308, 5e-324)


def info(**fields: Any) -> AgentInfo:
    return AgentInfo(
        **{
            "hostname": "nowhere.invalid",
            "port": 1,
            "resources": [scalar("cpus", 1), scalar("mem", 64)],
            **fields,
        }
    )


def register(agent: AgentInfo, pid: str = "slave(1)@127.0.0.1:1", **fields: Any) -> Register:
    return Register(agent_info=agent, version=fields.pop("version", "1.11.0"), pid=pid, **fields)


def framework_info(name: str) -> FrameworkInfo:
    return FrameworkInfo(user="root", name=name, id=FrameworkID(value=name), roles=["*"])


def task_of(framework: str, amount: float = 1.0, state: TaskState = TaskState.TASK_RUNNING) -> Task:
    return Task(
        name="t",
        task_id=TaskID(value="t"),
        framework_id=FrameworkID(value=framework),
        agent_id=AgentID(value="a"),
        state=state,
        resources=[scalar("cpus", amount)],
    )


def executor_of(framework: str, amount: float = 1.0) -> ExecutorInfo:
    return ExecutorInfo(
        executor_id=ExecutorID(value="e"),
        framework_id=FrameworkID(value=framework),
        command=CommandInfo(value="true"),
        resources=[scalar("cpus", amount)],
    )


def nonsense_infos() -> list[AgentInfo]:
    """What no agent would say of itself."""
    kind = Value.Type
    ports = Resource(
        name="ports",
        type=kind.RANGES,
        ranges=Value.Ranges(range=[Value.Range(begin=2**63 - 1, end=1)] * 3),
    )
    return [
        *(info(resources=[scalar("cpus", amount), scalar("mem", amount)]) for amount in AMOUNTS),
        info(resources=[scalar("cpus", 1.7e308)] * 3),
        info(resources=[scalar("cpus", 1)] * 5_000),
        info(resources=[scalar(f"r{n}", 1) for n in range(5_000)]),
        info(resources=[scalar("", 1)]),
        info(resources=[ports]),
        info(resources=[Resource(name="cpus", type=kind.SET, set=Value.Set(item=["a", "a"]))]),
        info(resources=[Resource(name="cpus", type=kind.SCALAR)]),
        info(resources=[]),
        info(hostname="", port=0),
        info(hostname="h" * 1_000_000, port=2**31 - 1),
        info(hostname="\u0000\r\nX: y", port=-1),
        info(id=AgentID(value="../../etc")),
        info(id=AgentID(value="")),
        info(attributes=[Attribute(name="a", type=kind.TEXT)] * 1_000),
        info(attributes=[Attribute(name="a", type=kind.SCALAR, scalar=Value.Scalar(value=NAN))]),
    ]


def messages(agent_id: str, framework_id: str) -> list[LinkMessage]:
    """One of each kind, about things that are not the sender's."""
    unknown = TaskStatus(task_id=TaskID(value="t"), state=TaskState.TASK_FINISHED, uuid=b"x" * 16)
    reregister = Reregister(
        agent_info=info(id=AgentID(value=agent_id)),
        version="1.11.0",
        pid="slave(1)@127.0.0.1:1",
        frameworks=[
            FrameworkState(
                framework_info=framework_info(framework_id),
                executors=[
                    ExecutorState(
                        executor_info=executor_of(framework_id), tasks=[task_of(framework_id)]
                    )
                ],
            )
        ],
        completed_frameworks=[
            CompletedFramework(
                framework_info=framework_info("old"),
                executors=[
                    CompletedExecutor(executor_info=executor_of("old"), tasks=[task_of("old")])
                ],
            )
        ],
    )
    return [
        register(info()),
        reregister,
        Unregister(),
        UpdateStatus(
            framework_id=framework_id, status=unknown, latest_state=TaskState.TASK_FINISHED
        ),
        ExecutorMessage(framework_id=framework_id, executor_id="e", data=b"x" * 100),
        ExecutorExited(framework_id=framework_id, executor_id="e", status=-1),
        Pong(),
        ChannelClosed(reason="x"),
    ]


class Peer:
    """One link to a master, on which frames of any content go out."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._decoder = to_agent_decoder()
        self._heard: deque[tuple[int, LinkMessage]] = deque()

    def say(self, *pairs: tuple[int, LinkMessage]) -> None:
        self.link.send(msgspec.msgpack.encode(list(pairs)))

    async def hears(self, *kinds: type[LinkMessage]) -> tuple[int, LinkMessage] | None:
        """Wait for a message of one of ``kinds``; None when the link ends first."""
        async with asyncio.timeout(30.0):
            while True:
                while self._heard:
                    channel, message = self._heard.popleft()
                    if isinstance(message, kinds):
                        return channel, message
                frame = await self.link.receive()
                if frame is None:
                    return None
                self._heard.extend(self._decoder.decode(frame))


@asynccontextmanager
async def linked(url: str, versions: str = "1,1") -> AsyncIterator[Peer]:
    link = await connect_link(
        url.replace("http", "ws", 1) + PATH,
        headers={VERSION_HEADER: versions},
        timeout_seconds=10.0,
    )
    try:
        yield Peer(link)
    finally:
        link.abort()
        await link.wait_closed()


@asynccontextmanager
async def guarded(attack: Callable[..., Any], **options: Any) -> AsyncIterator[Any]:
    """A cluster with a task that runs all along, and serves others afterwards."""
    async with attack(**options) as attacked:
        framework = await attacked.stage.framework(name="bystander")
        offer = await framework.launch(attacked.task("bystander", "exec sleep 1000"))
        await framework.sees("bystander", "TASK_RUNNING")
        attacked.agent_id, attacked.framework_id = offer.agent_id.value, framework.id
        weight = attacked.resident_megabytes()["master"]
        yield attacked
        shown = (await attacked.stage.get("/tasks?task_id=bystander"))["tasks"]
        assert [(each["slave_id"], each["state"]) for each in shown] == [
            (attacked.agent_id, "TASK_RUNNING")
        ]
        await framework.client.kill(attacked.task("bystander").task_id)
        await framework.sees("bystander", "TASK_KILLED")
        assert attacked.resident_megabytes()["master"] - weight < GROWTH_MEGABYTES_MAX
        await framework.client.teardown()
        await attacked.still_serves()


@pytest.mark.parametrize("versions", ["", "0,0", "2,9", "x", "1", "1,1,1", "9" * 5_000, "-1,-1"])
def test_versions_that_do_not_meet_ours_are_refused(
    attack: Callable[..., Any], versions: str
) -> None:
    async def story() -> None:
        async with attack() as attacked, linked(attacked.url, versions) as peer:
            await peer.link.wait_closed()
            assert peer.link.close_code == 4002

    asyncio.run(story())


def test_frames_that_cannot_be_read_end_the_link_they_came_on(attack: Callable[..., Any]) -> None:
    chance = random.Random("frames")

    async def story() -> None:
        async with guarded(attack) as attacked:
            right = [
                msgspec.msgpack.encode([(1, message)])
                for message in messages("nobody", "nothing")
                if not isinstance(message, Register)
            ]
            thrown = 0
            while thrown < FRAMES:
                async with linked(attacked.url) as peer:
                    while thrown < FRAMES and not peer.link.closed:
                        frame = bytearray(chance.choice(right))
                        if chance.random() < 0.2:
                            frame = bytearray(chance.randbytes(chance.randint(0, 200)))
                        for _ in range(chance.randint(0, 4)):
                            if frame:
                                frame[chance.randrange(len(frame))] = chance.randrange(256)
                        peer.link.send(bytes(frame))
                        thrown += 1
                        await asyncio.sleep(0)

    asyncio.run(story())


def test_frames_that_are_too_large_or_too_deep_end_the_link(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with guarded(attack) as attacked:
            for frame, code in (
                (b"\x00" * (FRAME_BYTES_MAX + 1), 1009),
                (b"\x91" * 1_000_000, 4003),
                (b"\xdd\xff\xff\xff\xff", 4003),
                (b"\xdf\xff\xff\xff\xff" * 10, 4003),
                (b"\xc1", 4003),
                (b"", 4003),
            ):
                async with linked(attacked.url) as peer:
                    peer.link.send(frame)
                    async with asyncio.timeout(30.0):
                        await peer.link.wait_closed()
                    assert peer.link.close_code == code, frame[:10]

    asyncio.run(story())


def test_agents_that_make_no_sense_harm_nobody(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with guarded(attack) as attacked, linked(attacked.url) as peer:
            for number, nonsense in enumerate(nonsense_infos()):
                pid = f"slave(1)@127.0.0.1:{number + 10}"
                peer.say((number, register(nonsense, pid)))
            for number, version in enumerate(("", "x", "0.0.0", "9" * 10_000)):
                peer.say((100 + number, register(info(), f"x{number}", version=version)))
            # An honest one behind them all is answered: the others have been looked at.
            peer.say((200, register(info(), "slave(1)@127.0.0.1:9999")))
            while (heard := await peer.hears(Registered)) is not None and heard[0] != 200:
                pass
            assert heard is not None
            await attacked.picture()
            assert await attacked.stage.get("/metrics/snapshot")
            for endpoint in ("/state-summary", "/slaves", "/roles", "/frameworks"):
                assert await attacked.stage.get(endpoint)

    asyncio.run(story())


def test_what_a_returning_agent_claims_has_to_make_sense(attack: Callable[..., Any]) -> None:
    def claim(number: int, framework: FrameworkInfo, task: Task, executor: ExecutorInfo) -> Any:
        state = ExecutorState(executor_info=executor, tasks=[task])
        return Reregister(
            agent_info=info(id=AgentID(value=f"claimed-{number}")),
            version="1.11.0",
            pid=f"slave(1)@127.0.0.1:{number + 10}",
            frameworks=[FrameworkState(framework_info=framework, executors=[state])],
        )

    async def story() -> None:
        async with guarded(attack) as attacked, linked(attacked.url) as peer:
            right = framework_info("claimed")
            deep = msgspec.structs.replace(right, roles=["/".join("a" * 10_000)])
            path = msgspec.structs.replace(right, id=FrameworkID(value="../../etc"))
            claims = [
                *((right, task_of("claimed", each), executor_of("claimed")) for each in AMOUNTS),
                *((right, task_of("claimed"), executor_of("claimed", each)) for each in AMOUNTS),
                (deep, task_of("claimed"), executor_of("claimed")),
                (path, task_of("../../etc"), executor_of("../../etc")),
                (right, task_of("other"), executor_of("other")),
                *(
                    (right, task_of("claimed", 1, each), executor_of("claimed"))
                    for each in TaskState
                ),
            ]
            for number, parts in enumerate(claims):
                peer.say((number, claim(number, *parts)))
            peer.say((900, register(info(), "slave(1)@127.0.0.1:9999")))
            while (heard := await peer.hears(Registered)) is not None and heard[0] != 900:
                pass
            assert heard is not None
            await attacked.picture()
            assert await attacked.stage.get("/metrics/snapshot")
            for endpoint in ("/state-summary", "/slaves", "/roles", "/frameworks"):
                assert await attacked.stage.get(endpoint)

    asyncio.run(story())


def test_an_agent_cannot_change_what_is_on_another(attack: Callable[..., Any]) -> None:
    """Its updates are forwarded, as Mesos does; the master's books are about the other's task."""

    async def story() -> None:
        async with guarded(attack) as attacked, linked(attacked.url) as peer:
            everything = messages("nobody", attacked.framework_id)
            # Before it is anybody: each is answered by the end of its channel.
            for channel, message in enumerate(everything[2:7], start=1):
                peer.say((channel, message))
                assert await peer.hears(ChannelClosed) is not None
            # As somebody: about tasks and executors that are elsewhere, on a channel used twice.
            peer.say((50, everything[0]), (50, everything[0]))
            assert await peer.hears(Registered) is not None
            for state in TaskState:
                status = TaskStatus(task_id=TaskID(value="bystander"), state=state, uuid=b"y" * 16)
                peer.say(
                    (
                        50,
                        UpdateStatus(
                            framework_id=attacked.framework_id, status=status, latest_state=state
                        ),
                    )
                )
            peer.say((50, everything[4]), (50, everything[5]), (50, Pong()))
            peer.say((50, everything[2]), (50, Pong()))
            assert await peer.hears(ChannelClosed) is not None

    asyncio.run(story())


def test_a_thousand_agents_come_and_go(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with guarded(attack) as attacked, linked(attacked.url) as peer:
            for number in range(AGENTS):
                pid = f"slave(1)@127.0.0.1:{number + 10}"
                peer.say((number, register(info(), pid)))
            for _ in range(AGENTS):
                assert await peer.hears(Registered) is not None
            shown = await attacked.stage.get("/slaves")
            assert len(shown["slaves"]) == AGENTS + 1
            for number in range(AGENTS):
                peer.say((number, Unregister()))
            await attacked.stage.shows("/slaves", lambda shown: len(shown["slaves"]) == 1)

    asyncio.run(story())
