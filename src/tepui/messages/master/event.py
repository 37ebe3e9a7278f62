"""The events that a master streams to operators."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, ProtoEnum
from tepui.messages.frameworks import FrameworkInfo
from tepui.messages.ids import AgentID, FrameworkID
from tepui.messages.master.response import Response
from tepui.messages.tasks import Task, TaskState, TaskStatus


class Event(Message, kw_only=True):
    """Something that a master tells an operator; ``type`` says which field tells more."""

    class Type(ProtoEnum):
        """The events; HEARTBEAT has no field."""

        UNKNOWN = 0
        SUBSCRIBED = 1
        TASK_ADDED = 2
        TASK_UPDATED = 3
        AGENT_ADDED = 4
        AGENT_REMOVED = 5
        FRAMEWORK_ADDED = 6
        FRAMEWORK_UPDATED = 7
        FRAMEWORK_REMOVED = 8
        HEARTBEAT = 9

    class Subscribed(Message, kw_only=True):
        """The first event of a stream: the state on which the later ones build."""

        get_state: Annotated[Response.GetState | None, 1] = None
        heartbeat_interval_seconds: Annotated[float | None, 2] = None

    class TaskAdded(Message, kw_only=True):
        """A task was launched."""

        task: Annotated[Task, 1]

    class TaskUpdated(Message, kw_only=True):
        """A task's state changed; ``state`` is the newest, ``status`` the update that was told."""

        framework_id: Annotated[FrameworkID, 1]
        status: Annotated[TaskStatus, 2]
        state: Annotated[TaskState, 3]

    class FrameworkAdded(Message, kw_only=True):
        """A framework subscribed for the first time."""

        framework: Annotated[Response.GetFrameworks.Framework, 1]

    class FrameworkUpdated(Message, kw_only=True):
        """A framework came back or changed its info."""

        framework: Annotated[Response.GetFrameworks.Framework, 1]

    class FrameworkRemoved(Message, kw_only=True):
        """A framework is over."""

        framework_info: Annotated[FrameworkInfo, 1]

    class AgentAdded(Message, kw_only=True):
        """An agent registered."""

        agent: Annotated[Response.GetAgents.Agent, 1]

    class AgentRemoved(Message, kw_only=True):
        """An agent was removed."""

        agent_id: Annotated[AgentID, 1]

    type: Annotated[Type | None, 1] = None
    subscribed: Annotated[Subscribed | None, 2] = None
    task_added: Annotated[TaskAdded | None, 3] = None
    task_updated: Annotated[TaskUpdated | None, 4] = None
    agent_added: Annotated[AgentAdded | None, 5] = None
    agent_removed: Annotated[AgentRemoved | None, 6] = None
    framework_added: Annotated[FrameworkAdded | None, 7] = None
    framework_updated: Annotated[FrameworkUpdated | None, 8] = None
    framework_removed: Annotated[FrameworkRemoved | None, 9] = None
