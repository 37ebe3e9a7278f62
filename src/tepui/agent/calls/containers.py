"""Calls about containers."""

from __future__ import annotations

from tepui.agent.call_context import CallContext
from tepui.agent.container_views import ContainerView, view_containers
from tepui.messages import ContainerID, ExecutorID, FrameworkID
from tepui.messages.agent import Call, Response

Type = Response.Type


async def get_containers(call: Call, context: CallContext) -> Response:
    """Answer GET_CONTAINERS."""
    wanted = call.get_containers
    views = await view_containers(
        context.model,
        context.usage,
        are_nested_shown=wanted is not None and bool(wanted.show_nested),
    )
    containers = [_message(view) for view in views]
    return Response(
        type=Type.GET_CONTAINERS, get_containers=Response.GetContainers(containers=containers)
    )


def _message(view: ContainerView) -> Response.GetContainers.Container:
    if view.container_id.parent is not None:
        # Mesos names whose it is, and in what it is nested, only for executors' containers.
        return Response.GetContainers.Container(
            container_id=ContainerID(value=view.container_id.value),
            container_status=view.status,
            resource_statistics=view.statistics,
        )
    return Response.GetContainers.Container(
        framework_id=FrameworkID(value=view.framework_id),
        executor_id=ExecutorID(value=view.executor_id),
        executor_name=view.name,
        container_id=view.container_id,
        container_status=view.status,
        resource_statistics=view.statistics,
    )
