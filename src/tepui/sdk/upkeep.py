"""The calls by which operators take machines and agents out of use, and put them back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tepui.messages import AgentID, DurationInfo, FrameworkID, MachineID
from tepui.messages.maintenance import ClusterStatus, Schedule
from tepui.messages.master import Call, Response
from tepui.messages.well_known import Duration
from tepui.sdk.sharing import there

_NANOSECONDS = 1_000_000_000


class UpkeepCalls(Protocol):
    """What an operator can ask of a master about its agents and their machines.

    Each of these that changes something returns once the leading master has done it and
    raises `CallRejected`, with the master's reason, if it will not.
    """

    async def ask(self, call: Call) -> Response:
        """Make a call that is answered by a message."""
        ...

    async def order(self, call: Call) -> None:
        """Make a call that is answered by a status only."""
        ...

    # -- maintenance --

    async def get_maintenance_schedule(self) -> Schedule:
        """Return which machines will be unavailable, and when."""
        answer = await self.ask(Call(type=Call.Type.GET_MAINTENANCE_SCHEDULE))
        return there(answer.get_maintenance_schedule).schedule

    async def get_maintenance_status(self) -> ClusterStatus:
        """Return the machines that drain, with what frameworks answered, and those down."""
        answer = await self.ask(Call(type=Call.Type.GET_MAINTENANCE_STATUS))
        return there(answer.get_maintenance_status).status

    async def update_maintenance_schedule(self, schedule: Schedule) -> None:
        """Replace the whole schedule: what is to stay has to be in the new one too.

        Example:
            >>> async def clear(operator: UpkeepCalls) -> None:
            ...     await operator.update_maintenance_schedule(Schedule(windows=[]))
        """
        wanted = Call.UpdateMaintenanceSchedule(schedule=schedule)
        kind = Call.Type.UPDATE_MAINTENANCE_SCHEDULE
        await self.order(Call(type=kind, update_maintenance_schedule=wanted))

    async def start_maintenance(self, machines: Iterable[MachineID]) -> None:
        """Take machines of the schedule down: their agents are told to end, with all tasks."""
        wanted = Call.StartMaintenance(machines=list(machines))
        await self.order(Call(type=Call.Type.START_MAINTENANCE, start_maintenance=wanted))

    async def stop_maintenance(self, machines: Iterable[MachineID]) -> None:
        """Bring machines up again, and off the schedule: their agents may come back."""
        wanted = Call.StopMaintenance(machines=list(machines))
        await self.order(Call(type=Call.Type.STOP_MAINTENANCE, stop_maintenance=wanted))

    # -- agents --

    async def drain_agent(
        self,
        agent_id: AgentID,
        *,
        grace_seconds: float | None = None,
        mark_gone: bool = False,
    ) -> None:
        """Offer nothing of an agent any more, and have its tasks end; they do so later.

        Args:
            agent_id: The agent.
            grace_seconds: The longest that a task is given to end by itself.
            mark_gone: Whether the agent is given up for good when it is empty.

        Example:
            >>> async def empty(operator: UpkeepCalls, agent_id: AgentID) -> None:
            ...     await operator.drain_agent(agent_id, grace_seconds=30.0)
        """
        grace: Duration | None = None
        if grace_seconds is not None:
            seconds, nanos = divmod(round(grace_seconds * _NANOSECONDS), _NANOSECONDS)
            grace = Duration(seconds=seconds, nanos=nanos)
        wanted = Call.DrainAgent(agent_id=agent_id, max_grace_period=grace, mark_gone=mark_gone)
        await self.order(Call(type=Call.Type.DRAIN_AGENT, drain_agent=wanted))

    async def deactivate_agent(self, agent_id: AgentID) -> None:
        """Offer nothing of an agent any more; its tasks go on."""
        wanted = Call.DeactivateAgent(agent_id=agent_id)
        await self.order(Call(type=Call.Type.DEACTIVATE_AGENT, deactivate_agent=wanted))

    async def reactivate_agent(self, agent_id: AgentID) -> None:
        """Put an agent that was deactivated or drained in use again."""
        wanted = Call.ReactivateAgent(agent_id=agent_id)
        await self.order(Call(type=Call.Type.REACTIVATE_AGENT, reactivate_agent=wanted))

    async def mark_agent_gone(self, agent_id: AgentID) -> None:
        """Give an agent up for good, with all of its tasks; it can never come back."""
        wanted = Call.MarkAgentGone(agent_id=agent_id)
        await self.order(Call(type=Call.Type.MARK_AGENT_GONE, mark_agent_gone=wanted))

    # -- the rest --

    async def teardown(self, framework_id: FrameworkID) -> None:
        """End a framework with all of its tasks."""
        wanted = Call.Teardown(framework_id=framework_id)
        await self.order(Call(type=Call.Type.TEARDOWN, teardown=wanted))

    async def get_logging_level(self) -> int:
        """Return how much the master logs now."""
        answer = await self.ask(Call(type=Call.Type.GET_LOGGING_LEVEL))
        return there(answer.get_logging_level).level

    async def set_logging_level(self, level: int, seconds: float) -> None:
        """Have the master log more for a while; levels count up from 0."""
        duration = DurationInfo(nanoseconds=round(seconds * _NANOSECONDS))
        wanted = Call.SetLoggingLevel(level=level, duration=duration)
        await self.order(Call(type=Call.Type.SET_LOGGING_LEVEL, set_logging_level=wanted))
