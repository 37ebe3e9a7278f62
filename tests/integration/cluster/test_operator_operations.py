"""Operators reserve, make a volume and undo it all on a live cluster, in each of their ways."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tepui.codec import protobuf
from tepui.codec.json import from_builtins
from tepui.codec.media import PROTOBUF
from tepui.messages import Offer, Resource
from tepui.messages.master import Call

pytestmark = pytest.mark.slow

DEV = {"type": "DYNAMIC", "role": "dev"}
PATHS = {
    "RESERVE_RESOURCES": "/reserve",
    "UNRESERVE_RESOURCES": "/unreserve",
    "CREATE_VOLUMES": "/create-volumes",
    "DESTROY_VOLUMES": "/destroy-volumes",
}


def scalar(name: str, value: float, **fields: Any) -> dict[str, Any]:
    stack = {"reservations": [DEV]}
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **stack, **fields}


def volume(size: float) -> dict[str, Any]:
    disk = {
        "persistence": {"id": "data"},
        "volume": {"container_path": "data", "mode": "RW"},
    }
    return scalar("disk", size, disk=disk)


RESERVED = [scalar("cpus", 1), scalar("mem", 256), scalar("disk", 100)]


class Operator:
    """Asks for operations in one of the ways there are."""

    def __init__(self, stage: Any, way: str, agent_id: str) -> None:
        self.stage = stage
        self.way = way
        self.agent_id = agent_id

    async def does(self, call: str, **fields: Any) -> None:
        """Ask for an operation, which is accepted."""
        status, body = await self.asks(call, **fields)
        assert (status, body) == (202, b""), call

    async def asks(self, call: str, **fields: Any) -> tuple[int, bytes]:
        """Ask for an operation; return the answer."""
        if self.way == "form":
            texts = {name: json.dumps(value) for name, value in fields.items()}
            form = urlencode({"slaveId": self.agent_id, **texts}).encode()
            return await self._post(PATHS[call], form, "application/x-www-form-urlencoded")
        body = {"agent_id": {"value": self.agent_id}, **fields}
        given = {"type": call, call.lower(): body}
        if self.way == "json":
            return await self._post("/api/v1", json.dumps(given).encode(), "application/json")
        return await self._post("/api/v1", protobuf.encode(from_builtins(Call, given)), PROTOBUF)

    async def _post(self, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        url = self.stage.cluster.url + path
        answer = await self.stage.http.request("POST", url, body, [("Content-Type", content_type)])
        return answer.status, answer.body


def reserved(resources: Iterable[Resource]) -> dict[str, float]:
    """Return how much of each resource is reserved, volumes apart."""
    found: dict[str, float] = {}
    for each in resources:
        if each.reservations and each.scalar is not None:
            is_volume = each.disk is not None and each.disk.persistence is not None
            found["volume" if is_volume else each.name] = each.scalar.value
    return found


def has(**amounts: float) -> Callable[[Offer], bool]:
    return lambda offer: reserved(offer.resources) == amounts


async def agent_shows(stage: Any, wait: Any, **amounts: float) -> None:
    """Wait until the agent itself says what is reserved on it: it is told behind the answer."""

    async def ask() -> dict[str, float]:
        state = await stage.get("/state", stage.cluster.agents[0].url)
        full = state["reserved_resources_full"]
        return reserved(from_builtins(Resource, each) for each in full.get("dev", ()))

    await wait(ask, lambda seen: seen == amounts)


async def disk_shows(place: Path, wait: Any, *, is_there: bool) -> None:
    """Wait until a volume is made or wiped: the agent changes its books first, then the disk."""

    async def ask() -> bool:
        return await asyncio.to_thread(place.is_dir)

    await wait(ask, lambda seen: seen is is_there)


@pytest.mark.parametrize("way", ["json", "protobuf", "form"])
def test_what_is_reserved_goes_to_its_role_alone_until_it_is_unreserved(
    open_stage: Callable[..., Any], ask_again: Callable[..., Any], way: str
) -> None:
    async def story() -> None:
        async with open_stage(resources="cpus:2;mem:1024;disk:1000") as stage:
            (slave,) = (await stage.shows("/slaves", lambda seen: seen["slaves"]))["slaves"]
            operator = Operator(stage, way, slave["id"])
            place = stage.work_dir / "agent1" / "volumes" / "roles" / "dev" / "data"

            ops = await stage.framework(roles=["ops"], capabilities=["RESERVATION_REFINEMENT"])
            whole = await ops.until(lambda: [*ops.offers.values()])
            await operator.does("RESERVE_RESOURCES", resources=RESERVED)
            await ops.until(lambda: whole[0].id.value not in ops.offers)

            dev = await stage.framework(roles=["dev"], capabilities=["RESERVATION_REFINEMENT"])
            await dev.offered(has(cpus=1, mem=256, disk=100))
            await operator.does("CREATE_VOLUMES", volumes=[volume(40)])
            offer = await dev.offered(has(cpus=1, mem=256, disk=60, volume=40))
            await agent_shows(stage, ask_again, cpus=1, mem=256, disk=60, volume=40)
            await disk_shows(place, ask_again, is_there=True)
            status, problem = await operator.asks("CREATE_VOLUMES", volumes=[volume(40)])
            assert (status, b"'data'" in problem) == (400, True)

            await dev.client.decline([offer], refuse_seconds=0.0)
            await operator.does("DESTROY_VOLUMES", volumes=[volume(40)])
            await agent_shows(stage, ask_again, cpus=1, mem=256, disk=100)
            await operator.does("UNRESERVE_RESOURCES", resources=RESERVED)
            await agent_shows(stage, ask_again)
            await disk_shows(place, ask_again, is_there=False)
            status, problem = await operator.asks("UNRESERVE_RESOURCES", resources=RESERVED)
            assert (status, b"is not there" in problem) == (409, True)
            assert not any(reserved(offer.resources) for offer in heard(ops))

    asyncio.run(story())


def heard(framework: Any) -> list[Offer]:
    """Return every offer that a framework was made."""
    return [
        offer for event in framework.events if hasattr(event, "offers") for offer in event.offers
    ]


def test_what_operators_made_outlives_the_agent_and_the_master(
    open_stage: Callable[..., Any], ask_again: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage(resources="cpus:2;mem:1024;disk:1000") as stage:
            (slave,) = (await stage.shows("/slaves", lambda seen: seen["slaves"]))["slaves"]
            operator = Operator(stage, "json", slave["id"])
            await operator.does("RESERVE_RESOURCES", resources=RESERVED)
            await operator.does("CREATE_VOLUMES", volumes=[volume(40)])
            await operator.does("GROW_VOLUME", volume=volume(40), addition=scalar("disk", 10))
            left = {"cpus": 1.0, "mem": 256.0, "disk": 50.0, "volume": 50.0}
            await agent_shows(stage, ask_again, **left)

            await stage.kill(stage.cluster.agents[0], signal.SIGKILL)
            await stage.kill(stage.cluster.master, signal.SIGKILL)
            await stage.cluster.start_master()
            await stage.cluster.start_agent(0)
            dev = await stage.framework(roles=["dev"], capabilities=["RESERVATION_REFINEMENT"])
            await dev.offered(has(**left))
            await agent_shows(stage, ask_again, **left)

            operator = Operator(stage, "json", slave["id"])
            await operator.does("SHRINK_VOLUME", volume=volume(50), subtract={"value": 20})
            await agent_shows(stage, ask_again, **left | {"disk": 70.0, "volume": 30.0})

    asyncio.run(story())
