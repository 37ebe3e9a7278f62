"""What operators see of one task, executor, framework or agent: messages of the v1 API."""

from __future__ import annotations

from msgspec.structs import replace

from tepui.master.core.model import (
    Agent,
    Executor,
    Framework,
    FrameworkState,
    Offer,
    Operation,
    RecoveredAgent,
    Task,
)
from tepui.messages import (
    UUID,
    AgentID,
    AgentInfo,
    ExecutorInfo,
    FrameworkID,
    Resource,
    TaskStatus,
    TimeInfo,
)
from tepui.messages import Offer as OfferMessage
from tepui.messages import Operation as OperationMessage
from tepui.messages import Task as TaskMessage
from tepui.messages.master import Response
from tepui.messages.scheduler import OfferConstraints
from tepui.resources import ReservationFormat, Resources
from tepui.resources.conversions import convert_all

_NANOSECONDS = 1_000_000_000


def task_message(task: Task) -> TaskMessage:
    """Return a task as it is now."""
    return replace(
        task.template,
        state=task.state,
        statuses=task.statuses,
        status_update_state=task.status_update_state,
        status_update_uuid=task.status_update_uuid,
        resources=without_role(task.template.resources),
    )


def executor_message(executor: Executor) -> Response.GetExecutors.Executor:
    """Return an executor and where it is."""
    return Response.GetExecutors.Executor(
        executor_info=_executor_info(executor.info),
        agent_id=AgentID(value=executor.agent_id),
    )


def framework_message(framework: Framework) -> Response.GetFrameworks.Framework:
    """Return a framework with its offers and what it holds."""
    reregistered = framework.reregistered_time
    return Response.GetFrameworks.Framework(
        framework_info=framework.info,
        active=framework.is_active,
        connected=framework.is_connected,
        recovered=framework.state is FrameworkState.RECOVERED,
        registered_time=time_message(framework.registered_time),
        # Without a second subscription Mesos repeats the time of the first.
        reregistered_time=time_message(
            framework.registered_time if reregistered is None else reregistered
        ),
        unregistered_time=(
            None
            if framework.unregistered_time is None
            else time_message(framework.unregistered_time)
        ),
        offers=[offer_message(each) for each in framework.offers.values()],
        inverse_offers=[each.message for each in framework.inverse_offers.values()],
        allocated_resources=with_role(framework.used),
        offered_resources=with_role(framework.offered),
        offer_constraints=framework.offer_constraints or OfferConstraints(),
    )


def offer_message(offer: Offer) -> OfferMessage:
    """Return an offer in full, whatever its framework's capabilities let it see."""
    return replace(
        offer.message,
        resources=offer.resources.to_messages(),
        allocation_info=Resource.AllocationInfo(role=offer.role),
    )


def operation_message(operation: Operation) -> OperationMessage:
    """Return an operation as it is now."""
    framework_id = operation.framework_id
    return OperationMessage(
        framework_id=None if framework_id is None else FrameworkID(value=framework_id),
        agent_id=AgentID(value=operation.agent_id),
        info=operation.info,
        latest_status=operation.status,
        statuses=list(operation.statuses),
        uuid=UUID(value=operation.uuid),
    )


def agent_message(agent: Agent) -> Response.GetAgents.Agent:
    """Return an agent with what it has, what is allocated and what is offered of it."""
    return Response.GetAgents.Agent(
        agent_info=agent_info(agent.info),
        active=agent.is_active and agent.is_connected,
        deactivated=agent.is_deactivated,
        drain_info=agent.drain,
        estimated_drain_start_time=(
            None if agent.drain_start_time is None else time_message(agent.drain_start_time)
        ),
        version=agent.version,
        pid=agent.pid,
        registered_time=time_message(agent.registered_time),
        reregistered_time=(
            None if agent.reregistered_time is None else time_message(agent.reregistered_time)
        ),
        total_resources=with_role(agent.total),
        allocated_resources=with_role(used_of(agent)),
        offered_resources=with_role(agent.offered),
        capabilities=[
            AgentInfo.Capability(type=AgentInfo.Capability.Type[name])
            for name in agent.capabilities
            if name in AgentInfo.Capability.Type.__members__
        ],
    )


def recovered_agent_message(agent: RecoveredAgent) -> AgentInfo:
    """Return an agent that has not come back yet."""
    return agent_info(agent.info)


def agent_info(info: AgentInfo) -> AgentInfo:
    """Return an agent's description as answers write resources."""
    return replace(info, resources=without_role(info.resources))


def used_of(agent: Agent) -> Resources:
    """Return what all frameworks use on an agent."""
    total = Resources()
    for used in agent.used.values():
        total += used
    return total


def role_of(resources: Resources) -> str:
    """Return the role to which ``resources`` are allocated."""
    return resources.allocation_role() or "*"


def first_status_time(task: Task) -> float:
    """Return when the first status was made; 0 before there is one."""
    statuses: list[TaskStatus] = task.statuses
    return (statuses[0].timestamp or 0.0) if statuses else 0.0


def time_message(seconds: float) -> TimeInfo:
    """Return a wall clock reading as a message."""
    return TimeInfo(nanoseconds=round(seconds * _NANOSECONDS))


def with_role(resources: Resources) -> list[Resource]:
    """Write resources in the older format beside the newer, as totals and sums are."""
    return resources.to_messages(format=ReservationFormat.ENDPOINT)


def without_role(resources: list[Resource]) -> list[Resource]:
    """Write resources in the newer format only, as everything else is."""
    if all(each.role is None and each.reservation is None for each in resources):
        return resources
    return convert_all(resources, ReservationFormat.POST_REFINEMENT)


def _executor_info(info: ExecutorInfo) -> ExecutorInfo:
    return replace(info, resources=without_role(info.resources))
