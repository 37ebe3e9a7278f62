"""Several masters and a real ZooKeeper: who leads when one dies, and what becomes of tasks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tepui.base.zookeeper_url import parse_url
from tepui.messages import TaskInfo
from tepui.messages.scheduler import Event

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("zookeeper")]

LONG = "exec sleep 1000"
SESSION_SECONDS = 2.0


@pytest.fixture
def three(three_zookeepers: Any) -> Any:
    return three_zookeepers


@pytest.fixture
def open_masters(
    open_stage: Callable[..., Any], three: Any, zookeeper_paths: Callable[[], str]
) -> Callable[..., Any]:
    def opened(timeout: str = f"{SESSION_SECONDS:g}secs") -> Any:
        return open_stage(
            zk=three.url(zookeeper_paths()),
            masters=2,
            master_flags=(f"--zk_session_timeout={timeout}", "--quorum=2"),
            agent_flags=(f"--zk_session_timeout={timeout}",),
        )

    return opened


async def running(stage: Any, new_task: Callable[..., TaskInfo]) -> tuple[Any, Any]:
    """A framework whose task ``t`` runs, and the process of that."""
    framework = await stage.framework()
    await framework.launch(new_task("t", LONG))
    await framework.sees("t", "TASK_RUNNING")
    return framework, await stage.only_process()


async def goes_on(
    stage: Any, framework: Any, process: Any, leader: Any, new_task: Callable[..., TaskInfo]
) -> None:
    """After a failover, the old task is there, is known to the leader, and others can start."""
    await framework.hears(Event.Subscribed, 2)
    await framework.launch(new_task("u", "exit 0"))
    await framework.sees("u", "TASK_FINISHED")
    assert process.is_running()
    state = await stage.get("/state", leader.url)
    (found,) = [each for each in state["frameworks"][0]["tasks"] if each["id"] == "t"]
    assert found["state"] == "TASK_RUNNING"
    assert (await stage.get("/metrics/snapshot", leader.url))["master/elected"] == 1
    await framework.client.kill(new_task("t").task_id)
    await framework.sees("t", "TASK_KILLED")
    assert framework.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"]
    assert framework.heard(Event.Failure) == []
    # Nothing is offered twice: what the old leader had offered went with it.
    (agent,) = state["slaves"]
    held = sum(
        resource.scalar.value
        for offer in framework.offers.values()
        for resource in offer.resources
        if resource.name == "cpus"
    )
    assert held <= agent["resources"]["cpus"]


async def status(stage: Any, url: str, method: str = "GET") -> tuple[int, str | None]:
    answer = await stage.http.request(method, url)
    return answer.status, answer.headers.get("Location")


def test_a_standby_leads_when_the_leader_is_killed(
    open_masters: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_masters() as stage:
            leader, standby = stage.cluster.masters
            framework, process = await running(stage, new_task)
            there = leader.url.removeprefix("http:")
            for path in ("/slaves", "/master/state?x=1", "/api/v1"):
                target = path if path.startswith("/master") else f"/master{path}"
                assert await status(stage, standby.url + path) == (307, there + target)
            scheduler = f"{standby.url}/api/v1/scheduler"
            assert await status(stage, scheduler, "POST") == (
                307,
                f"{there}/master/api/v1/scheduler",
            )
            assert await status(stage, f"{standby.url}/redirect") == (307, there)
            assert await status(stage, f"{leader.url}/redirect") == (307, there)
            assert (await stage.get("/metrics/snapshot", standby.url))["master/elected"] == 0
            assert (await status(stage, f"{standby.url}/health"))[0] == 200

            await stage.kill(leader, signal.SIGKILL)
            await goes_on(stage, framework, process, standby, new_task)

    asyncio.run(story())


def test_a_leader_that_is_told_to_stop_makes_way_at_once(
    open_masters: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        session_seconds = 30.0
        async with open_masters(timeout=f"{session_seconds:g}secs") as stage:
            leader, standby = stage.cluster.masters
            framework, process = await running(stage, new_task)
            started = time.monotonic()
            leader.signal(signal.SIGTERM)
            await framework.hears(Event.Subscribed, 2)
            # Nobody waited for a session to expire.
            assert time.monotonic() - started < session_seconds
            assert await leader.wait() == 0
            await goes_on(stage, framework, process, standby, new_task)

    asyncio.run(story())


def test_a_leader_that_was_paused_for_too_long_ends_as_soon_as_it_goes_on(
    open_masters: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_masters() as stage:
            leader, standby = stage.cluster.masters
            framework, process = await running(stage, new_task)
            leader.signal(signal.SIGSTOP)
            await framework.hears(Event.Subscribed, 2)
            leader.signal(signal.SIGCONT)
            assert await leader.wait() == 1
            assert "master_steps_down" in leader.log.read_text()
            await goes_on(stage, framework, process, standby, new_task)

    asyncio.run(story())


def test_a_leader_whose_session_has_expired_ends_and_a_standby_leads(
    open_masters: Callable[..., Any], new_task: Callable[..., TaskInfo], three: Any
) -> None:
    def expire(path: str) -> None:
        with three.client() as client:
            oldest = min(name for name in client.get_children(path) if name.startswith("json.info"))
            three.expire(client.exists(f"{path}/{oldest}").ephemeralOwner)

    async def story() -> None:
        async with open_masters() as stage:
            leader, standby = stage.cluster.masters
            framework, process = await running(stage, new_task)
            await asyncio.to_thread(expire, parse_url(stage.cluster.address).path)
            assert await leader.wait() == 1
            await goes_on(stage, framework, process, standby, new_task)

    asyncio.run(story())


def test_without_a_majority_nobody_leads_and_with_it_again_one_does(
    open_masters: Callable[..., Any], new_task: Callable[..., TaskInfo], three: Any
) -> None:
    async def story() -> None:
        async with open_masters() as stage:
            leader, standby = stage.cluster.masters
            framework, process = await running(stage, new_task)
            for number in (0, 1):
                three.kill(number)
            assert await leader.wait() == 1
            assert (await status(stage, f"{standby.url}/slaves"))[0] in (307, 503)
            assert (await stage.get("/metrics/snapshot", standby.url))["master/elected"] == 0
            assert process.is_running()
            await asyncio.to_thread(three.start_all)
            await goes_on(stage, framework, process, standby, new_task)

    asyncio.run(story())


def test_one_server_of_three_is_not_missed(
    open_masters: Callable[..., Any],
    new_task: Callable[..., TaskInfo],
    wait_for: Callable[..., Any],
    three: Any,
) -> None:
    async def story() -> None:
        async with open_masters() as stage:
            leader, _ = stage.cluster.masters
            framework, process = await running(stage, new_task)
            # Without their leader the servers elect another first, which takes longer than a lease
            # of tests.
            follower, _ = await wait_for(lambda: two_of(three.followers()))
            three.kill(follower)
            body = b'[{"role": "r", "weight": 2.5}]'
            answer = await stage.http.request("PUT", f"{leader.url}/weights", body)
            assert answer.status == 200
            await asyncio.to_thread(three.start_all)
            assert leader.is_running
            assert process.is_running()
            await framework.client.kill(new_task("t").task_id)
            await framework.sees("t", "TASK_KILLED")
            assert len(framework.heard(Event.Subscribed)) == 1

    asyncio.run(story())


def test_a_server_that_hangs_does_not_cost_a_leader_its_place(
    open_masters: Callable[..., Any],
    new_task: Callable[..., TaskInfo],
    wait_for: Callable[..., Any],
    three: Any,
) -> None:
    """Each follower hangs for longer than a session lives: whoever was there has to leave it."""
    session_seconds = 4.0
    body = b'[{"role": "r", "weight": 2.5}]'

    async def story() -> None:
        async with open_masters(timeout=f"{session_seconds:g}secs") as stage:
            leader, _ = stage.cluster.masters
            framework, _ = await running(stage, new_task)
            for number in await wait_for(lambda: two_of(three.followers())):
                three.pause(number)
                paused_at = time.monotonic()
                while time.monotonic() < paused_at + session_seconds:
                    answer = await stage.http.request("PUT", f"{leader.url}/weights", body)
                    assert answer.status == 200
                await wait_for(lambda: three.followers_counted() == 1)
                three.resume(number)
                # Until the others have it back, a second one that hangs is a majority lost.
                await wait_for(lambda: three.followers_counted() == 2)
            assert leader.is_running
            assert len(framework.heard(Event.Subscribed)) == 1

    asyncio.run(story())


def test_the_servers_elect_another_leader_among_themselves_while_ours_leads_on(
    open_masters: Callable[..., Any],
    new_task: Callable[..., TaskInfo],
    wait_for: Callable[..., Any],
    three: Any,
) -> None:
    """They are without one for some 3 s here: a lease is longer where nobody is in a hurry."""

    async def story() -> None:
        async with open_masters(timeout="16secs") as stage:
            leader, _ = stage.cluster.masters
            framework, _ = await running(stage, new_task)
            followers = await wait_for(lambda: two_of(three.followers()))
            (hanging,) = {0, 1, 2} - set(followers)
            three.pause(hanging)
            await wait_for(lambda: three.followers_counted() == 1)
            body = b'[{"role": "r", "weight": 2.5}]'
            answer = await stage.http.request("PUT", f"{leader.url}/weights", body)
            assert answer.status == 200
            three.resume(hanging)
            await wait_for(lambda: three.followers_counted() == 2)
            assert leader.is_running
            assert len(framework.heard(Event.Subscribed)) == 1

    asyncio.run(story())


def two_of(numbers: list[int]) -> list[int]:
    """The numbers, if they are two; else none."""
    return numbers if len(numbers) == 2 else []


def test_a_master_that_comes_back_stands_by(
    open_masters: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_masters() as stage:
            leader, standby = stage.cluster.masters
            framework, process = await running(stage, new_task)
            await stage.kill(leader, signal.SIGKILL)
            again = await stage.cluster.start_master(0)
            await framework.hears(Event.Subscribed, 2)
            there = standby.url.removeprefix("http:")
            await stage.shows("/metrics/snapshot", lambda shown: shown["master/elected"] == 0)
            assert await status(stage, f"{again.url}/redirect") == (307, there)
            await stage.kill(standby, signal.SIGKILL)
            await framework.hears(Event.Subscribed, 3)
            await goes_on(stage, framework, process, again, new_task)

    asyncio.run(story())
