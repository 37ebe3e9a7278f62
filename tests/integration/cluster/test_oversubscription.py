"""What is lent is offered to those who can do without it, and taken back by force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.messages import Offer, Resource, TaskInfo, TaskStatus

pytestmark = pytest.mark.slow

Reason = TaskStatus.Reason
CONTROLLER = '''
from pathlib import Path

from tepui.agent.core.oversubscription import Correction


class WhenTold:
    """Ends all borrowers while there is a file."""

    is_measuring = False

    def __init__(self, parameters):
        self.file = Path(parameters["file"])

    def corrections(self, reading, now):
        return [
            Correction(
                framework_id=each.framework_id,
                executor_id=each.executor_id,
                container_id=each.container_id,
                reason="told so",
            )
            for each in reading.executors
            if self.file.exists() and each.allocated.revocable() and not each.is_ending
        ]
'''


def lent_in(offer: Offer) -> list[Resource]:
    return [each for each in offer.resources if each.revocable is not None]


def on(offer: Offer, task: TaskInfo, *resources: Resource) -> TaskInfo:
    return msgspec.structs.replace(task, agent_id=offer.agent_id, resources=list(resources))


def is_lent(offer: Offer) -> bool:
    return bool(lent_in(offer))


def is_regular(offer: Offer) -> bool:
    return any(each.revocable is None and each.name == "cpus" for each in offer.resources)


def of(offer: Offer, name: str, amount: float, *, is_revocable: bool = False) -> Resource:
    """So much of what is offered."""
    [found] = [
        each
        for each in offer.resources
        if each.name == name and (each.revocable is not None) is is_revocable
    ]
    return msgspec.structs.replace(found, scalar=type(found.scalar)(value=amount))


async def metrics_of(stage: Any, daemon: Any) -> Any:
    return await stage.get("/metrics/snapshot", daemon.url)


def test_a_borrower_gives_way_and_others_do_not(
    open_stage: Callable[..., Any],
    new_task: Callable[..., TaskInfo],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = tmp_path / "told"
    (tmp_path / "when_told.py").write_text(CONTROLLER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    flags = [
        "--resource_estimator=fixed",
        '--resource_estimator_parameters={"resources": "cpus:2"}',
        "--oversubscribed_resources_interval=50ms",
        "--qos_controller=when_told:WhenTold",
        f"--qos_controller_parameters={json.dumps({'file': str(told)})}",
    ]

    async def story(stage: Any) -> None:
        plain = await stage.framework()
        offer = await plain.offered(is_regular)
        await plain.client.launch(
            [offer],
            [
                on(
                    offer,
                    new_task("regular", "exec sleep 1000"),
                    of(offer, "cpus", 1),
                    of(offer, "mem", 64),
                )
            ],
        )
        await plain.sees("regular", "TASK_RUNNING")
        able = await stage.framework(capabilities=["REVOCABLE_RESOURCES"])
        offer = await able.offered(lambda offer: is_lent(offer) and is_regular(offer))
        assert [each.scalar.value for each in lent_in(offer)] == [2.0]
        assert not any(lent_in(each) for each in plain.offers.values())
        mixed = on(
            offer,
            new_task("mixed", "exec sleep 1000"),
            of(offer, "cpus", 1, is_revocable=True),
            of(offer, "cpus", 1),
            of(offer, "mem", 64),
        )
        borrower = on(
            offer,
            new_task("borrower", "exec sleep 1000"),
            of(offer, "cpus", 1.5, is_revocable=True),
            of(offer, "mem", 64),
        )
        await able.client.launch([offer], [mixed, borrower], refuse_seconds=0.0)
        refused = await able.sees("mixed", "TASK_ERROR")
        assert refused.reason is Reason.REASON_TASK_INVALID
        await able.sees("borrower", "TASK_RUNNING")

        [shown] = (await stage.get("/slaves"))["slaves"]
        assert shown["resources"]["cpus_revocable"] == 2.0
        assert shown["resources"]["cpus"] == 4.0
        assert shown["used_resources"]["cpus_revocable"] == 1.5
        master = await stage.get("/metrics/snapshot")
        assert master["master/cpus_revocable_total"] == 2.0
        assert master["master/cpus_revocable_used"] == 1.5
        [agent] = stage.cluster.agents
        measured = await metrics_of(stage, agent)
        assert measured["slave/cpus_revocable_percent"] == 0.75
        assert measured["slave/executors_preempted"] == 0.0

        told.touch()
        status = await able.sees("borrower", "TASK_LOST")
        assert status.reason is Reason.REASON_CONTAINER_PREEMPTED
        assert status.source is TaskStatus.Source.SOURCE_AGENT
        assert status.message == "ended because it runs on revocable resources: told so"
        assert (await metrics_of(stage, agent))["slave/executors_preempted"] == 1.0
        assert plain.states("regular")[-1] == "TASK_RUNNING"
        process = await stage.only_process()
        assert "sleep" in process.cmdline()
        await able.offered(lambda offer: [each.scalar.value for each in lent_in(offer)] == [1.5])

    async def scenario() -> None:
        async with open_stage(agent_flags=flags) as stage:
            await story(stage)

    asyncio.run(scenario())


def test_what_a_task_does_not_use_is_lent_until_the_machine_is_short(
    open_stage: Callable[..., Any], new_task: Callable[..., TaskInfo]
) -> None:
    flags = [
        "--resource_estimator=usage",
        '--resource_estimator_parameters={"names": "cpus", "warm_up": "0secs", "max_share": 1}',
        "--oversubscribed_resources_interval=50ms",
        "--qos_controller=usage",
        # Some of the memory of any machine is in use.
        '--qos_controller_parameters={"mem_high": 0, "pause": "0secs"}',
    ]

    async def story(stage: Any) -> None:
        capabilities = ["REVOCABLE_RESOURCES", "PARTITION_AWARE"]
        framework = await stage.framework(capabilities=capabilities)
        offer = await framework.offered(is_regular)
        idle = on(
            offer, new_task("idle", "exec sleep 1000"), of(offer, "cpus", 3), of(offer, "mem", 64)
        )
        await framework.client.launch([offer], [idle], refuse_seconds=0.0)
        await framework.sees("idle", "TASK_RUNNING")
        rest = await framework.offered(is_regular)
        offer = await framework.offered(is_lent)
        [lent] = lent_in(offer)
        assert 2.0 <= lent.scalar.value <= 2.7, "three, less a margin and what it used"
        borrower = on(
            offer,
            new_task("borrower", "exec sleep 1000"),
            of(offer, "cpus", 1, is_revocable=True),
            of(rest, "mem", 64),
        )
        await framework.client.launch([rest, offer], [borrower], refuse_seconds=0.0)
        status = await framework.sees("borrower", "TASK_GONE")
        assert status.reason is Reason.REASON_CONTAINER_PREEMPTED
        assert "of the machine's memory is in use" in status.message
        assert framework.states("idle")[-1] == "TASK_RUNNING"

    async def scenario() -> None:
        async with open_stage(agent_flags=flags) as stage:
            await story(stage)

    asyncio.run(scenario())
