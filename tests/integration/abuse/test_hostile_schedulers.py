"""Frameworks whose calls are well formed and meant badly."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

GROWTH_MEGABYTES_MAX = 32.0
INFO = {
    "user": "root",
    "name": "hostile",
    "roles": ["*"],
    "capabilities": [{"type": "MULTI_ROLE"}],
    "failover_timeout": 0.0,
}
NO_IDS = ["../../etc/passwd", "a/b", "..", ".", "a\\b", "a\u0000b", "a\nb", "x" * 1_000_000]
NO_AMOUNTS: list[Any] = [-1, -0.0001, 1e308, "NaN", "Infinity", "-Infinity", "1e400", 5]
NOT_NUMBERS = [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1" * 400]


def scalar(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def task(offer: dict[str, Any], task_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": "t",
        "task_id": {"value": task_id},
        "agent_id": offer["agent_id"],
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
        "command": {"value": "true"},
        **fields,
    }


def accept(offers: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "offer_ids": [offer["id"] for offer in offers],
        "operations": [{"type": "LAUNCH", "launch": {"task_infos": tasks}}],
        "filters": {"refuse_seconds": 0.0},
    }


async def next_offer(scheduler: Any) -> dict[str, Any]:
    offer: dict[str, Any] = (await scheduler.event("OFFERS"))["offers"]["offers"][0]
    return offer


def custom(scheduler: Any, executor_id: str) -> dict[str, Any]:
    return {
        "type": "CUSTOM",
        "executor_id": {"value": executor_id},
        "framework_id": scheduler.id,
        "command": {"value": "true"},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
    }


def test_ids_are_names_and_never_paths(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with attack() as attacked:
            for name in NO_IDS:
                async with attacked.scheduler(attacked.url) as scheduler:
                    first = await scheduler.subscribe({**INFO, "id": {"value": name}})
                    assert first["type"] == "ERROR", name
            async with attacked.scheduler(attacked.url) as scheduler:
                await scheduler.subscribe(INFO)
                for name in [*NO_IDS, ""]:
                    offer = await next_offer(scheduler)
                    call = accept([offer], [task(offer, name)])
                    assert (await scheduler.call("ACCEPT", accept=call)).status == 202
                    (status,) = await scheduler.statuses(1)
                    assert status["state"] == "TASK_ERROR"
                    assert len(json.dumps(status)) < len(name) + 2_000  # echoed once at most
                for name in NO_IDS:
                    offer = await next_offer(scheduler)
                    bad = task(offer, "t", executor=custom(scheduler, name))
                    del bad["command"]
                    await scheduler.call("ACCEPT", accept=accept([offer], [bad]))
                    (status,) = await scheduler.statuses(1)
                    assert status["state"] == "TASK_ERROR"
                for name in [*NO_IDS, ""]:
                    kill = {"task_id": {"value": name}, "agent_id": {"value": name}}
                    assert (await scheduler.call("KILL", kill=kill)).status in (202, 400)
            assert list(attacked.stage.work_dir.glob("agent1/slaves/*/frameworks/*")) == []
            await attacked.still_serves()

    asyncio.run(story())


def test_amounts_that_are_none_are_refused_and_take_nothing(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with attack() as attacked, attacked.scheduler(attacked.url) as scheduler:
            await scheduler.subscribe(INFO)
            offer = await next_offer(scheduler)
            for amount in NO_AMOUNTS:
                for name in ("cpus", "mem"):
                    bad = task(offer, "t")
                    bad["resources"][name == "mem"] = scalar(name, 1e6 if amount == 5 else amount)
                    answer = await scheduler.call("ACCEPT", accept=accept([offer], [bad]))
                    assert answer.status in (202, 400), (amount, answer)
                    if answer.status == 202:
                        (status,) = await scheduler.statuses(1)
                        assert status["state"] == "TASK_ERROR", (amount, name)
                        offer = await next_offer(scheduler)
            for number in NOT_NUMBERS:
                call = {"type": "ACCEPT", "framework_id": scheduler.id}
                call["accept"] = accept([offer], [task(offer, "t")])
                body = json.dumps(call).replace("0.1", number.decode()).encode()
                answer = await scheduler.say(body)
                assert answer.status in (202, 400), (number, answer)
                if answer.status == 202:
                    (status,) = await scheduler.statuses(1)
                    assert status["state"] == "TASK_ERROR", number
                    offer = await next_offer(scheduler)
            # All of the agent is there still.
            assert {each["name"]: each for each in offer["resources"]}["cpus"]["scalar"] == {
                "value": 4.0
            }
            await scheduler.call("DECLINE", decline={"offer_ids": [offer["id"]]})
            await scheduler.call("SUPPRESS")
            await attacked.still_serves()

    asyncio.run(story())


def test_an_offer_can_be_used_once_and_by_its_owner_only(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with attack() as attacked, attacked.scheduler(attacked.url) as owner:
            await owner.subscribe(INFO)
            offer = await next_offer(owner)
            async with attacked.scheduler(attacked.url) as thief:
                await thief.subscribe(INFO)
                await thief.call("ACCEPT", accept=accept([offer], [task(offer, "stolen")]))
                (status,) = await thief.statuses(1)
                assert status["state"] in ("TASK_LOST", "TASK_DROPPED")
                await thief.call("DECLINE", decline={"offer_ids": [offer["id"]] * 1_000})
            # The owner's offer went with neither.
            twice = accept([offer, offer], [task(offer, "twice")])
            await owner.call("ACCEPT", accept=twice)
            (status,) = await owner.statuses(1)
            assert status["state"] in ("TASK_LOST", "TASK_DROPPED")
            offer = await next_offer(owner)
            same = accept([offer], [task(offer, "same"), task(offer, "same")])
            await owner.call("ACCEPT", accept=same)
            states = Counter(status["state"] for status in await owner.statuses(2))
            assert states["TASK_ERROR"] == 1
            await owner.call("TEARDOWN")
            await attacked.still_serves()

    asyncio.run(story())


def test_ten_thousand_tasks_in_one_call_are_all_answered(attack: Callable[..., Any]) -> None:
    async def story() -> None:
        async with attack() as attacked, attacked.scheduler(attacked.url) as scheduler:
            await scheduler.subscribe(INFO)
            offer = await next_offer(scheduler)
            big = [scalar("cpus", 1_000), scalar("mem", 32)]
            tasks = [task(offer, f"t{n}", resources=big) for n in range(10_000)]
            answer = await scheduler.call("ACCEPT", accept=accept([offer], tasks))
            assert answer.status == 202
            statuses = await scheduler.statuses(10_000)
            assert {status["state"] for status in statuses} == {"TASK_ERROR"}
            assert len({status["task_id"]["value"] for status in statuses}) == 10_000
            await scheduler.call("TEARDOWN")
            await attacked.still_serves()

    asyncio.run(story())


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "n" * 1_000_000},
        {"roles": [f"team/{n}" for n in range(2_000)]},
        {"roles": ["a" * 100_000]},
        {"roles": ["a/" * 2_000 + "a"]},
        {"roles": ["", "..", "-x", "a b", "*/a", "a//b"]},
        {"failover_timeout": -1.0},
        {"failover_timeout": 1e300},
        {"user": ""},
        {"labels": {"labels": [{"key": "k" * 1_000}] * 3_000}},
        {"webui_url": "javascript:\u0000" * 10_000},
        {"hostname": "\u202e" * 10_000},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_descriptions_of_any_size_are_taken_or_refused(
    attack: Callable[..., Any], fields: dict[str, Any]
) -> None:
    async def story() -> None:
        async with attack() as attacked:
            async with attacked.scheduler(attacked.url) as scheduler:
                first = await scheduler.subscribe({**INFO, **fields})
                assert first["type"] in ("SUBSCRIBED", "ERROR")
                await attacked.picture()
                assert await attacked.stage.get("/metrics/snapshot")
                assert await attacked.stage.get("/roles")
            await attacked.stage.shows("/frameworks", lambda shown: not shown["frameworks"])
            await attacked.still_serves()

    asyncio.run(story())


def test_thousands_of_subscriptions_come_and_go_without_a_trace(
    attack: Callable[..., Any],
) -> None:
    async def come_and_go(attacked: Any, count: int) -> None:
        for number in range(count):
            async with attacked.scheduler(attacked.url) as scheduler:
                info = {**INFO, "roles": [f"role{number}"]}
                assert (await scheduler.subscribe(info))["type"] == "SUBSCRIBED"

    async def story() -> None:
        async with attack() as attacked:
            await come_and_go(attacked, 200)
            weight = attacked.resident_megabytes()["master"]
            await come_and_go(attacked, 2_000)
            shown = await attacked.stage.shows("/frameworks", lambda shown: not shown["frameworks"])
            assert len(shown["completed_frameworks"]) == 50
            (slave,) = (await attacked.stage.get("/slaves"))["slaves"]
            assert slave["offered_resources"]["cpus"] == slave["used_resources"]["cpus"] == 0.0
            metrics = await attacked.stage.get("/metrics/snapshot")
            assert len(metrics) < 5_000
            assert attacked.resident_megabytes()["master"] - weight < GROWTH_MEGABYTES_MAX
            await attacked.still_serves()

    asyncio.run(story())


def test_who_subscribes_and_never_reads_is_told_no_more(attack: Callable[..., Any]) -> None:
    """What it asks for waits as names only, and there is a bound for those."""

    async def story() -> None:
        async with attack() as attacked:
            host, _, port = attacked.url.removeprefix("http://").rpartition(":")
            slow = sockets.socket()
            slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            slow.connect((host, int(port)))
            weight = attacked.resident_megabytes()["master"]
            call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": INFO}}
            body = json.dumps(call).encode()
            head = (
                "POST /api/v1/scheduler HTTP/1.1\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            slow.sendall(head.encode() + body)
            answer = slow.recv(4096).decode("latin-1")
            stream_id = answer.partition("Mesos-Stream-Id: ")[2].partition("\r\n")[0]
            shown = await attacked.stage.shows("/frameworks", lambda shown: shown["frameworks"])
            framework_id = {"value": shown["frameworks"][0]["id"]}
            unknown = [{"task_id": {"value": "t" * 200}}] * 5_000
            reconcile = json.dumps(
                {
                    "type": "RECONCILE",
                    "framework_id": framework_id,
                    "reconcile": {"tasks": unknown},
                }
            ).encode()
            headers = {"Content-Type": "application/json", "Mesos-Stream-Id": stream_id}
            async with attacked.connected(attacked.url) as socket:
                for _ in range(50):
                    socket.ask("/api/v1/scheduler", reconcile, headers)
                    if (await socket.answer()).status != 202:
                        break
                else:
                    raise AssertionError("nobody reads, and all is taken")
            slow.close()
            shown = await attacked.stage.shows("/frameworks", lambda shown: not shown["frameworks"])
            assert attacked.resident_megabytes()["master"] - weight < GROWTH_MEGABYTES_MAX
            await attacked.still_serves()

    asyncio.run(story())
