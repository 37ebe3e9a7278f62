"""Calls about what there is: the agent itself, frameworks, executors and tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from tepui.agent.call_context import CallContext
from tepui.agent.core import operations
from tepui.agent.core.model import AgentTask, Executor, Framework, Model
from tepui.messages import Resource, Task, TimeInfo
from tepui.messages.agent import Call, Response
from tepui.resources import ReservationFormat
from tepui.resources.conversions import convert_all

Type = Response.Type


def get_state(call: Call, context: CallContext) -> Response:
    """Answer GET_STATE."""
    del call
    model = context.model
    state = Response.GetState(
        get_tasks=_tasks(model), get_executors=_executors(model), get_frameworks=_frameworks(model)
    )
    return Response(type=Type.GET_STATE, get_state=state)


def get_tasks(call: Call, context: CallContext) -> Response:
    """Answer GET_TASKS."""
    del call
    return Response(type=Type.GET_TASKS, get_tasks=_tasks(context.model))


def get_executors(call: Call, context: CallContext) -> Response:
    """Answer GET_EXECUTORS."""
    del call
    return Response(type=Type.GET_EXECUTORS, get_executors=_executors(context.model))


def get_frameworks(call: Call, context: CallContext) -> Response:
    """Answer GET_FRAMEWORKS."""
    del call
    return Response(type=Type.GET_FRAMEWORKS, get_frameworks=_frameworks(context.model))


def get_agent(call: Call, context: CallContext) -> Response:
    """Answer GET_AGENT."""
    del call
    info = context.model.info
    shown = replace(info, resources=_without_role(info.resources))
    answer = Response.GetAgent(agent_info=shown)
    drain = context.model.drain
    if drain is not None:
        since = TimeInfo(nanoseconds=int(drain.started_at) * 10**9)
        answer = replace(answer, drain_config=drain.config, estimated_drain_start_time=since)
    return Response(type=Type.GET_AGENT, get_agent=answer)


def get_operations(call: Call, context: CallContext) -> Response:
    """Answer GET_OPERATIONS: those that nobody has acknowledged."""
    del call
    shown = Response.GetOperations(operations=operations.messages(context.model))
    return Response(type=Type.GET_OPERATIONS, get_operations=shown)


def get_resource_providers(call: Call, context: CallContext) -> Response:
    """Answer GET_RESOURCE_PROVIDERS: there are none yet."""
    del call, context
    return Response(
        type=Type.GET_RESOURCE_PROVIDERS, get_resource_providers=Response.GetResourceProviders()
    )


def _tasks(model: Model) -> Response.GetTasks:
    current = [each for framework in _all(model) for each in framework.executors.values()]
    completed = [each for framework in _all(model) for each in _ended(framework)]
    return Response.GetTasks(
        queued_tasks=_messages(each.held_back() for each in current),
        launched_tasks=_messages(each.handed_over() for each in current),
        terminated_tasks=_messages(each.terminated_tasks.values() for each in current),
        completed_tasks=[
            *_messages(each.completed_tasks.values() for each in current),
            *_messages(each.tasks() for each in completed),
            *_messages(each.completed_tasks.values() for each in completed),
        ],
    )


def _executors(model: Model) -> Response.GetExecutors:
    frameworks = list(_all(model))
    return Response.GetExecutors(
        executors=[_executor(each) for one in frameworks for each in one.executors.values()],
        completed_executors=[_executor(each) for one in frameworks for each in _ended(one)],
    )


def _frameworks(model: Model) -> Response.GetFrameworks:
    cls = Response.GetFrameworks.Framework
    return Response.GetFrameworks(
        frameworks=[cls(framework_info=each.info) for each in model.frameworks.values()],
        completed_frameworks=[
            cls(framework_info=each.info) for each in model.completed_frameworks.values()
        ],
    )


def _all(model: Model) -> Iterator[Framework]:
    yield from model.frameworks.values()
    yield from model.completed_frameworks.values()


def _ended(framework: Framework) -> Iterable[Executor]:
    return framework.completed_executors.values()


def _executor(executor: Executor) -> Response.GetExecutors.Executor:
    info = executor.info
    shown = replace(info, resources=_without_role(info.resources))
    return Response.GetExecutors.Executor(executor_info=shown)


def _messages(groups: Iterable[Iterable[AgentTask]]) -> list[Task]:
    messages: list[Task] = []
    for group in groups:
        for task in group:
            message = task.to_message()
            messages.append(replace(message, resources=_without_role(message.resources)))
    return messages


def _without_role(resources: list[Resource]) -> list[Resource]:
    return convert_all(resources, ReservationFormat.POST_REFINEMENT)
