"""Find what only the older endpoints tell: tasks by id, where agents are, and which are away."""

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


class _Counted(
    msgspec.Struct,
    frozen=True,
    rename={
        "staging": "TASK_STAGING",
        "starting": "TASK_STARTING",
        "running": "TASK_RUNNING",
        "killing": "TASK_KILLING",
    },
):
    id: str
    staging: int = 0
    starting: int = 0
    running: int = 0
    killing: int = 0


class _Summary(msgspec.Struct, frozen=True):
    slaves: list[_Counted]


class _Id(msgspec.Struct, frozen=True):
    value: str


class _Absent(msgspec.Struct, frozen=True):
    id: _Id


class _Absents(msgspec.Struct, frozen=True):
    slaves: list[_Absent] = []


class _Registry(msgspec.Struct, frozen=True):
    unreachable: _Absents = _Absents()
    gone: _Absents = _Absents()


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the agents that a master knows of and does not have."""

    unreachable: list[str] = []
    gone: list[str] = []


async def count_tasks(operator: OperatorClient) -> dict[str, int]:
    """Return how many tasks of each agent have not ended."""
    summary = typed(await operator.get_json("/state-summary"), _Summary)
    return {
        agent.id: agent.staging + agent.starting + agent.running + agent.killing
        for agent in summary.slaves
    }


async def find_away(operator: OperatorClient) -> Away:
    """Return the agents that are away, which nothing but a master's registry tells."""
    registry = typed(await operator.get_json("/registrar(1)/registry"), _Registry)
    return Away(
        unreachable=[each.id.value for each in registry.unreachable.slaves],
        gone=[each.id.value for each in registry.gone.slaves],
    )


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
