"""Asks the estimator what to lend and the controller whom to end, time and again.

Whatever they read is measured here; what they answer goes to the core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from tepui.agent.container_views import Usage
from tepui.agent.core.events import AgentEvent, CorrectionsWanted, LendingEstimated
from tepui.agent.core.lending import lent
from tepui.agent.core.model import Executor, ExecutorState, Model
from tepui.agent.core.oversubscription import (
    Correction,
    ExecutorReading,
    MachineReading,
    QoSController,
    Reading,
    ResourceEstimator,
)
from tepui.base.time import Instant
from tepui.containers.gc import read_clocks
from tepui.linux.machine import Machine, read_machine
from tepui.messages import ResourceStatistics
from tepui.resources import Resources

CORRECTION_SECONDS_MIN = 1.0
"""Mesos asks its controllers as often as they answer; ours answer at once."""

log = structlog.get_logger("tepui.agent")


class Oversubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Both plug-ins of one agent, and what they stand on; its owner awaits ``run``.

    Attributes:
        model: What the agent knows; only read.
        deliver: Gives the core an event.
        usage: Asks what a container uses.
        controller: ``None`` if nobody is ever ended.
        interval: Seconds between two estimates.
        correction_interval: Seconds between two looks at who has to go.
    """

    model: Model
    deliver: Callable[[AgentEvent], None]
    usage: Usage
    estimator: ResourceEstimator
    controller: QoSController | None
    interval: float
    correction_interval: float
    clock: Callable[[], Instant] = read_clocks
    machine: Callable[[], Machine] = read_machine

    async def run(self) -> None:
        """Estimate and correct until cancelled; the agent has recovered before."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._estimate_forever())
            if self.controller is not None:
                group.create_task(self._correct_forever())

    async def _estimate_forever(self) -> None:
        while True:
            await self.estimate()
            await asyncio.sleep(self.interval)

    async def _correct_forever(self) -> None:
        while True:
            await self.correct()
            await asyncio.sleep(max(self.correction_interval, CORRECTION_SECONDS_MIN))

    async def estimate(self) -> None:
        """Ask once what may be lent."""
        try:
            reading = await self._read(is_measuring=self.estimator.is_measuring)
            estimate = self.estimator.estimate(reading, self.clock())
            if not isinstance(estimate, Resources):
                raise TypeError(f"{estimate!r} is no Resources")
        except Exception as error:
            # The edge to code that may be anybody's: its failure is not the agent's.
            log.error("estimator_failed", error=repr(error))
            return
        self.deliver(LendingEstimated(estimate=estimate, lent=reading.lent()))

    async def correct(self) -> None:
        """Ask once whom to end."""
        assert self.controller is not None
        try:
            # Where nothing is lent nobody can go, whoever uses how much.
            is_lent = bool(lent(self.model))
            reading = await self._read(is_measuring=is_lent and self.controller.is_measuring)
            corrections = list(self.controller.corrections(reading, self.clock()))
            if not all(isinstance(each, Correction) for each in corrections):
                raise TypeError(f"{corrections!r} are not all Corrections")
        except Exception as error:
            log.error("qos_controller_failed", error=repr(error))
            return
        if corrections:
            self.deliver(CorrectionsWanted(corrections=corrections))

    async def _read(self, *, is_measuring: bool) -> Reading:
        # A copy: executors may come and go while usage is read.
        executors = [
            each for each in self.model.executors() if each.state is not ExecutorState.TERMINATED
        ]
        used = {
            each.container_id: await self._usage_of(each) if is_measuring else {}
            for each in executors
        }
        machine = self.machine()
        return Reading(
            total=self.model.total,
            executors=tuple(_reading(each, used[each.container_id]) for each in executors),
            machine=MachineReading(**machine._asdict()),
        )

    async def _usage_of(self, executor: Executor) -> dict[str, ResourceStatistics]:
        used: dict[str, ResourceStatistics] = {}
        for container_id in list(executor.containers):
            statistics = await self.usage(container_id)
            if statistics is not None:
                used[container_id] = statistics
        return used


def _reading(executor: Executor, used: dict[str, ResourceStatistics]) -> ExecutorReading:
    return ExecutorReading(
        framework_id=executor.framework_id,
        executor_id=executor.executor_id,
        container_id=executor.container_id,
        allocated=Resources.from_messages(executor.allocated_resources()).unallocated(),
        used=used,
        is_ending=executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED),
    )
