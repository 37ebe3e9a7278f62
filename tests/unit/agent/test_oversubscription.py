"""What is measured goes to the plug-ins, and what they answer to the core."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tepui.agent.core.events import AgentEvent, CorrectionsWanted, LendingEstimated
from tepui.agent.core.oversubscription import Correction, Reading
from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.oversubscription import Oversubscription
from tepui.base.time import Instant
from tepui.linux.machine import Machine
from tepui.messages import ResourceStatistics
from tepui.resources import Resources, parse_resources

NOW = Instant(1000.0, 2000.0)
MACHINE = Machine(4, (1.0, 2.0, 3.0), 1000, 500, None, 0.5)
USED = ResourceStatistics(timestamp=1.0, cpus_user_time_secs=7.0, mem_rss_bytes=9)
LENT = revocable(parse_resources("cpus:1"))


class Plugin:
    """Answers what the test wants, and remembers what it was shown."""

    def __init__(self, answer: Any, *, is_measuring: bool = True) -> None:
        self.is_measuring = is_measuring
        self.answer = answer
        self.shown: list[Reading] = []

    def estimate(self, reading: Reading, now: Instant) -> Any:
        assert now == NOW
        self.shown.append(reading)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    corrections = estimate


class Stage:
    def __init__(self, agent: Any, plugin: Plugin) -> None:
        self.asked: list[str] = []
        self.delivered: list[AgentEvent] = []
        self.lending = Oversubscription(
            model=agent.model,
            deliver=self.delivered.append,
            usage=self.usage,
            estimator=plugin,
            controller=plugin,
            interval=15.0,
            correction_interval=0.0,
            clock=lambda: NOW,
            machine=lambda: MACHINE,
        )

    async def usage(self, container_id: str) -> ResourceStatistics | None:
        self.asked.append(container_id)
        return USED


def test_an_estimator_is_shown_who_holds_what_and_uses_what(agent: Any) -> None:
    container_id = agent.running()
    plugin = Plugin(LENT)
    stage = Stage(agent, plugin)
    asyncio.run(stage.lending.estimate())
    assert stage.delivered == [LendingEstimated(estimate=LENT, lent=Resources())]
    [reading] = plugin.shown
    assert reading.total == parse_resources("cpus:4;mem:1024")
    [executor] = reading.executors
    assert (executor.framework_id, executor.executor_id) == ("f1", "t1")
    assert executor.container_id == container_id
    assert executor.allocated == parse_resources("cpus:0.2;mem:64"), "with its executor's"
    assert executor.used == {container_id: USED}
    assert not executor.is_ending
    assert reading.machine.load_averages == (1.0, 2.0, 3.0)
    assert (reading.machine.cpu_pressure, reading.machine.mem_pressure) == (None, 0.5)


def test_nothing_is_measured_that_nobody_looks_at(agent: Any) -> None:
    agent.running()
    plugin = Plugin(LENT, is_measuring=False)
    stage = Stage(agent, plugin)
    asyncio.run(stage.lending.estimate())
    assert stage.asked == []
    assert plugin.shown[0].executors[0].used == {}


def test_nobody_is_measured_who_could_not_be_ended(agent: Any) -> None:
    agent.running()
    stage = Stage(agent, Plugin([]))
    asyncio.run(stage.lending.correct())
    assert stage.asked == []
    info = msgspec.structs.replace(agent.task("t2"), resources=LENT.to_messages())
    container_id = agent.running(info)
    asyncio.run(stage.lending.correct())
    assert container_id in stage.asked


def test_corrections_reach_the_core_if_there_are_any(agent: Any) -> None:
    plugin = Plugin([])
    stage = Stage(agent, plugin)
    asyncio.run(stage.lending.correct())
    assert stage.delivered == []
    plugin.answer = [Correction(framework_id="f1", executor_id="t1")]
    asyncio.run(stage.lending.correct())
    assert stage.delivered == [CorrectionsWanted(corrections=plugin.answer)]


@pytest.mark.parametrize("answer", [RuntimeError("a bug"), None, 7, ["cpus:1"], LENT.to_messages()])
def test_a_plugin_that_fails_leaves_everything_as_it_is(agent: Any, answer: Any) -> None:
    stage = Stage(agent, Plugin(answer))
    asyncio.run(stage.lending.estimate())
    asyncio.run(stage.lending.correct())
    assert stage.delivered == []


def test_both_are_asked_until_the_agent_ends(agent: Any) -> None:
    plugin = Plugin(LENT)
    stage = Stage(agent, plugin)

    async def story() -> None:
        running = asyncio.ensure_future(stage.lending.run())
        while len(plugin.shown) < 2:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(story())
    assert stage.delivered == [LendingEstimated(estimate=LENT, lent=Resources())], (
        "a Resources is no correction"
    )
