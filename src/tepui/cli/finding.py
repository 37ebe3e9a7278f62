"""Find a task by its id, and the agent that has it."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from tepui.cli.errors import CommandFailed
from tepui.cli.typed import typed
from tepui.sdk.core.addresses import agent_url
from tepui.sdk.core.batch import LOST_STATES, OWN_STATES
from tepui.sdk.operator import OperatorClient

_OVER = {state.value for state in (*LOST_STATES, *OWN_STATES)}


class FoundTask(msgspec.Struct, frozen=True, rename={"agent_id": "slave_id"}):
    """A task as the master's ``/tasks`` lists it."""

    id: str
    framework_id: str
    agent_id: str
    state: str

    @property
    def is_over(self) -> bool:
        """Whether the task has ended."""
        return self.state in _OVER


class _Tasks(msgspec.Struct, frozen=True):
    tasks: list[FoundTask]


class _Agent(msgspec.Struct, frozen=True):
    id: str
    pid: str


class _Agents(msgspec.Struct, frozen=True):
    slaves: list[_Agent]


async def find_task(operator: OperatorClient, task_id: str, framework_id: str | None) -> FoundTask:
    """Return the task with an id; of several, the one that runs, if it is the only one.

    Raises:
        CommandFailed: There is none, or more than one.
        SdkError: The master could not be asked.
    """
    found = await _listed(operator, task_id, framework_id)
    running = [task for task in found if not task.is_over]
    chosen = running or found
    if not chosen:
        raise CommandFailed(f"there is no task {task_id!r}")
    frameworks = sorted({task.framework_id for task in chosen})
    if len(frameworks) > 1:
        raise CommandFailed(
            f"several frameworks have a task {task_id!r}: choose one by --framework: "
            + ", ".join(frameworks)
        )
    return chosen[0]


async def is_over(operator: OperatorClient, task: FoundTask) -> bool:
    """Return whether a task has ended by now, or has been forgotten since."""
    listed = await _listed(operator, task.id, task.framework_id)
    return all(each.is_over for each in listed)


async def _listed(
    operator: OperatorClient, task_id: str, framework_id: str | None
) -> list[FoundTask]:
    query = f"/tasks?task_id={quote(task_id, safe='')}&limit=1000"
    if framework_id is not None:
        query += f"&framework_id={quote(framework_id, safe='')}"
    listed = typed(await operator.get_json(query), _Tasks).tasks
    # Not every master filters by the task's id.
    return [task for task in listed if task.id == task_id]


async def find_agent_url(operator: OperatorClient, agent_id: str) -> str:
    """Return where an agent listens.

    Raises:
        CommandFailed: The master does not have the agent any more.
        SdkError: The master could not be asked.
    """
    query = f"/slaves?slave_id={quote(agent_id, safe='')}"
    for agent in typed(await operator.get_json(query), _Agents).slaves:
        if agent.id == agent_id:
            return agent_url(agent.pid)
    raise CommandFailed(f"agent {agent_id} is not there any more")
