"""The calls of a scheduler, each as a method; what is sent and how is the client's affair."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tepui.messages import (
    AgentID,
    DurationInfo,
    ExecutorID,
    ExecutorInfo,
    Filters,
    KillPolicy,
    Offer,
    Request,
    TaskGroupInfo,
    TaskID,
    TaskInfo,
    TaskStatus,
)
from tepui.messages.scheduler import Call


class SchedulerCalls(Protocol):
    """What a subscribed framework can ask of the master."""

    async def call(self, call: Call) -> None:
        """Make a call in the framework's name; the other methods make the usual ones."""
        ...

    async def accept(
        self,
        offers: Iterable[Offer],
        operations: Iterable[Offer.Operation],
        *,
        refuse_seconds: float | None = None,
    ) -> None:
        """Use offers of one agent; what the operations leave over is declined.

        Args:
            offers: One or several offers, all of the same agent.
            operations: What to do, in order; `launch` and `launch_group` make the usual ones.
            refuse_seconds: For how long not to offer the rest to this framework again.
        """
        accept = Call.Accept(
            offer_ids=[offer.id for offer in offers],
            operations=list(operations),
            filters=_filters(refuse_seconds),
        )
        await self.call(Call(type=Call.Type.ACCEPT, accept=accept))

    async def launch(
        self,
        offers: Iterable[Offer],
        tasks: Iterable[TaskInfo],
        *,
        refuse_seconds: float | None = None,
    ) -> None:
        """Accept offers of one agent and start tasks there."""
        launch = Offer.Operation.Launch(task_infos=list(tasks))
        operation = Offer.Operation(type=Offer.Operation.Type.LAUNCH, launch=launch)
        await self.accept(offers, [operation], refuse_seconds=refuse_seconds)

    async def launch_group(
        self,
        offers: Iterable[Offer],
        executor: ExecutorInfo,
        tasks: Iterable[TaskInfo],
        *,
        refuse_seconds: float | None = None,
    ) -> None:
        """Accept offers of one agent and start tasks there that live and fail together."""
        group = Offer.Operation.LaunchGroup(
            executor=executor, task_group=TaskGroupInfo(tasks=list(tasks))
        )
        operation = Offer.Operation(type=Offer.Operation.Type.LAUNCH_GROUP, launch_group=group)
        await self.accept(offers, [operation], refuse_seconds=refuse_seconds)

    async def decline(
        self, offers: Iterable[Offer], *, refuse_seconds: float | None = None
    ) -> None:
        """Give offers back; their resources are not offered here again for a while."""
        decline = Call.Decline(
            offer_ids=[offer.id for offer in offers], filters=_filters(refuse_seconds)
        )
        await self.call(Call(type=Call.Type.DECLINE, decline=decline))

    async def revive(self, roles: Iterable[str] = ()) -> None:
        """Ask for offers again, in spite of filters and suppression; all roles by default."""
        await self.call(Call(type=Call.Type.REVIVE, revive=Call.Revive(roles=list(roles))))

    async def suppress(self, roles: Iterable[str] = ()) -> None:
        """Ask for no offers until `revive`; all roles by default."""
        await self.call(Call(type=Call.Type.SUPPRESS, suppress=Call.Suppress(roles=list(roles))))

    async def kill(
        self,
        task_id: TaskID,
        agent_id: AgentID | None = None,
        *,
        grace_seconds: float | None = None,
    ) -> None:
        """End a task; its updates tell how that went.

        Args:
            task_id: The task.
            agent_id: Where it runs; it makes the answer for an unknown task more certain.
            grace_seconds: How long the task has between being asked and being killed.
        """
        policy = None
        if grace_seconds is not None:
            grace = DurationInfo(nanoseconds=round(grace_seconds * 1e9))
            policy = KillPolicy(grace_period=grace)
        kill = Call.Kill(task_id=task_id, agent_id=agent_id, kill_policy=policy)
        await self.call(Call(type=Call.Type.KILL, kill=kill))

    async def shutdown(self, executor_id: ExecutorID, agent_id: AgentID) -> None:
        """End an executor with all of its tasks."""
        shutdown = Call.Shutdown(executor_id=executor_id, agent_id=agent_id)
        await self.call(Call(type=Call.Type.SHUTDOWN, shutdown=shutdown))

    async def acknowledge(self, status: TaskStatus) -> None:
        """Tell that an update is handled; the task's next one comes after that.

        Updates without a ``uuid``, as reconciliation gives them, need no acknowledgement.
        """
        if status.uuid is None or status.agent_id is None:
            return
        acknowledge = Call.Acknowledge(
            agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
        )
        await self.call(Call(type=Call.Type.ACKNOWLEDGE, acknowledge=acknowledge))

    async def reconcile(self, tasks: Iterable[tuple[TaskID, AgentID | None]] = ()) -> None:
        """Ask for the states of tasks: the given ones, or without any, all that the master has."""
        wanted = [
            Call.Reconcile.Task(task_id=task_id, agent_id=agent_id) for task_id, agent_id in tasks
        ]
        await self.call(Call(type=Call.Type.RECONCILE, reconcile=Call.Reconcile(tasks=wanted)))

    async def message(self, executor_id: ExecutorID, agent_id: AgentID, data: bytes) -> None:
        """Send bytes to an executor; they arrive at most once."""
        message = Call.Message(agent_id=agent_id, executor_id=executor_id, data=data)
        await self.call(Call(type=Call.Type.MESSAGE, message=message))

    async def request(self, requests: Iterable[Request]) -> None:
        """Tell the allocator what would be welcome."""
        request = Call.Request(requests=list(requests))
        await self.call(Call(type=Call.Type.REQUEST, request=request))


def _filters(refuse_seconds: float | None) -> Filters | None:
    return None if refuse_seconds is None else Filters(refuse_seconds=refuse_seconds)
