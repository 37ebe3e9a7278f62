"""A machine is scheduled, its framework asked to leave, and then the machine goes down."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tepui.messages import OfferID, TaskInfo, scheduler
from tepui.messages.scheduler import Event

pytestmark = pytest.mark.slow

LONG = "exec sleep 1000"
WHEN = {
    "start": {"nanoseconds": 4_000_000_000_000_000_000},
    "duration": {"nanoseconds": 3_600_000_000_000},
}


async def post(stage: Any, path: str, body: object) -> None:
    answer = await stage.http.request("POST", stage.cluster.url + path, json.dumps(body).encode())
    assert (answer.status, answer.body) == (200, b"")


async def machine_of(stage: Any, agent_id: str) -> dict[str, str]:
    """Return the machine of an agent, as an operator would read it from /slaves."""
    (slave,) = [each for each in (await stage.get("/slaves"))["slaves"] if each["id"] == agent_id]
    ip = urlsplit("//" + slave["pid"].partition("@")[2]).hostname
    assert ip is not None
    return {"hostname": slave["hostname"], "ip": ip}


def accept(framework: Any, offer_id: OfferID) -> scheduler.Call:
    return scheduler.Call(
        type=scheduler.Call.Type.ACCEPT_INVERSE_OFFERS,
        framework_id=framework.client.framework_id,
        accept_inverse_offers=scheduler.Call.AcceptInverseOffers(inverse_offer_ids=[offer_id]),
    )


def test_a_machine_drains_goes_down_and_comes_up_again(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo], wait_for: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with open_stage() as stage:
            framework = await stage.framework()
            offer = await framework.launch(new_task("t", LONG))
            await framework.sees("t", "TASK_RUNNING")
            machine = await machine_of(stage, offer.agent_id.value)
            window = {"machine_ids": [machine], "unavailability": WHEN}
            await post(stage, "/maintenance/schedule", {"windows": [window]})

            (asked, *_) = (await framework.hears(Event.InverseOffers))[0].inverse_offers
            assert asked.agent_id == offer.agent_id
            assert asked.unavailability.start.nanoseconds == WHEN["start"]["nanoseconds"]
            next_offer = await framework.offered(lambda each: each.unavailability is not None)
            assert next_offer.unavailability == asked.unavailability
            await framework.client.call(accept(framework, asked.id))
            status = await stage.get("/maintenance/status")
            (draining,) = status["draining_machines"]
            assert draining["id"] == machine
            (said,) = draining["statuses"]
            assert (said["status"], said["framework_id"]["value"]) == ("ACCEPT", framework.id)

            (agent,) = stage.cluster.agents
            await post(stage, "/machine/down", [machine])
            lost = await framework.sees("t", "TASK_LOST")
            assert lost.reason is not None
            assert lost.reason.value == "REASON_AGENT_REMOVED"
            await framework.until(lambda: framework.heard(Event.Failure))
            await agent.wait()
            await wait_for(lambda: not stage.processes())
            assert await stage.get("/maintenance/status") == {"down_machines": [machine]}
            assert (await stage.get("/slaves"))["slaves"] == []

            # What is down stays so for whoever leads next.
            await stage.kill(stage.cluster.master, signal.SIGKILL)
            await stage.cluster.start_master()
            assert await stage.get("/maintenance/status") == {"down_machines": [machine]}
            await post(stage, "/machine/up", [machine])
            assert await stage.get("/maintenance/schedule") == {}
            await stage.cluster.start_agent()
            newest = await framework.offered(lambda each: each.agent_id != offer.agent_id)
            assert newest.unavailability is None

    asyncio.run(story())
