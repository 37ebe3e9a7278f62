"""A framework keeps data on a volume: made, grown, used again and destroyed in ACCEPTs."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tepui.codec.json import from_builtins, to_builtins
from tepui.messages import Offer, Resource, TaskInfo, scheduler

pytestmark = pytest.mark.slow

Event = scheduler.Event
DEV = {"type": "DYNAMIC", "role": "dev"}
ALLOCATED = {"allocation_info": {"role": "dev"}}
CAPABILITIES = ["RESERVATION_REFINEMENT", "PARTITION_AWARE"]


def scalar(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **fields}


def reserved(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return scalar(name, value, reservations=[DEV], **fields)


def volume(size: float) -> dict[str, Any]:
    disk = {
        "persistence": {"id": "data"},
        "volume": {"container_path": "data", "mode": "RW"},
    }
    return reserved("disk", size, disk=disk)


def operation(kind: str, name: str | None = None, **fields: Any) -> dict[str, Any]:
    made = {"type": kind, kind.lower(): fields}
    return made if name is None else {**made, "id": {"value": name}}


def launch(task: TaskInfo, offer: Offer, *resources: dict[str, Any]) -> dict[str, Any]:
    info = to_builtins(task)
    info["agent_id"] = to_builtins(offer.agent_id)
    info["resources"] = [{**each, **ALLOCATED} for each in resources]
    return {"type": "LAUNCH", "launch": {"task_infos": [info]}}


async def accept(framework: Any, offer: Offer, *operations: dict[str, Any]) -> None:
    body = {
        "offer_ids": [to_builtins(offer.id)],
        "operations": list(operations),
        "filters": {"refuse_seconds": 0.0},
    }
    await framework.client.call(from_builtins(scheduler.Call, {"type": "ACCEPT", "accept": body}))


async def hears_of(framework: Any, name: str, state: str = "OPERATION_FINISHED") -> Any:
    """Wait for a status of an operation that is to be acknowledged."""

    def found() -> Any:
        for event in framework.heard(Event.UpdateOperationStatus):
            status = event.status
            if status.operation_id.value == name and status.state.value == state and status.uuid:
                return status
        return None

    return await framework.until(found)


async def acknowledge(framework: Any, status: Any) -> None:
    call = scheduler.Call(
        type=scheduler.Call.Type.ACKNOWLEDGE_OPERATION_STATUS,
        acknowledge_operation_status=scheduler.Call.AcknowledgeOperationStatus(
            agent_id=status.agent_id, operation_id=status.operation_id, uuid=status.uuid.value
        ),
    )
    await framework.client.call(call)


def sizes(resources: list[Resource]) -> dict[str, float]:
    """Return what is there: the volume as such, the rest by name and whether it is reserved."""
    found: dict[str, float] = {}
    for each in resources:
        if each.scalar is None:
            continue
        name = f"{each.name} of dev" if each.reservations else each.name
        if each.disk is not None and each.disk.persistence is not None:
            name = "volume"
        found[name] = each.scalar.value
    return found


def has(**amounts: float) -> Callable[[Offer], bool]:
    wanted = {name.replace("_", " "): value for name, value in amounts.items()}
    return lambda offer: wanted.items() <= sizes(offer.resources).items()


async def offered(framework: Any, wanted: Callable[[Offer], bool]) -> Offer:
    """Take the offer that has all of it: what comes in parts is handed back."""
    while True:
        offer: Offer = await framework.offered()
        if wanted(offer):
            return offer
        await framework.client.decline([offer], refuse_seconds=0.0)


async def operations_of(stage: Any) -> list[Any]:
    answer = await stage.http.request(
        "POST",
        f"{stage.cluster.url}/api/v1",
        b'{"type":"GET_OPERATIONS"}',
        [("Content-Type", "application/json")],
    )
    found: list[Any] = json.loads(answer.body)["get_operations"].get("operations", [])
    return found


def test_a_volume_outlives_its_tasks_the_master_and_the_agent(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    async def story() -> None:
        async with open_stage(resources="cpus:2;mem:1024;disk:1000") as stage:
            place = stage.work_dir / "agent1" / "volumes" / "roles" / "dev" / "data"
            framework = await stage.framework(roles=["dev"], capabilities=CAPABILITIES)
            offer = await framework.offered()
            await accept(
                framework,
                offer,
                operation("RESERVE", "reserve", resources=[reserved("disk", 100)]),
                operation("CREATE", "create", volumes=[volume(40)]),
                launch(
                    new_task("writes", "echo kept > data/file"),
                    offer,
                    scalar("cpus", 0.5),
                    scalar("mem", 64),
                    volume(40),
                ),
            )
            await acknowledge(framework, await hears_of(framework, "reserve"))
            await framework.sees("writes", "TASK_FINISHED")
            assert (place / "file").read_text() == "kept\n"
            [shown] = await operations_of(stage)
            assert shown["latest_status"]["state"] == "OPERATION_FINISHED"

            await stage.kill(stage.cluster.agents[0], signal.SIGKILL)
            await stage.cluster.start_agent(0)
            await stage.kill(stage.cluster.master, signal.SIGKILL)
            await stage.cluster.start_master()
            await framework.hears(Event.Subscribed, 2)

            offer = await offered(framework, has(volume=40, disk_of_dev=60))
            await accept(
                framework,
                offer,
                operation("GROW_VOLUME", "grow", volume=volume(40), addition=reserved("disk", 20)),
            )
            grown = await hears_of(framework, "grow")
            assert sizes(grown.converted_resources) == {"volume": 60}
            offer = await offered(framework, has(volume=60, disk_of_dev=40))
            await accept(
                framework,
                offer,
                launch(
                    new_task("reads", "test $(cat data/file) = kept"),
                    offer,
                    scalar("cpus", 0.5),
                    scalar("mem", 64),
                    volume(60),
                ),
            )
            await framework.sees("reads", "TASK_FINISHED")
            offer = await offered(framework, has(volume=60))
            await accept(
                framework,
                offer,
                operation("DESTROY", "wipe", volumes=[volume(60)]),
                operation("UNRESERVE", "undo", resources=[reserved("disk", 60)]),
            )
            await hears_of(framework, "wipe")
            await hears_of(framework, "undo")
            assert not place.exists()
            (agent,) = (await stage.get("/slaves"))["slaves"]
            assert agent["reserved_resources"]["dev"]["disk"] == 40
            assert agent["unreserved_resources"]["disk"] == 960

    asyncio.run(story())
