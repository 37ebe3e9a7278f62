"""The answers of the master's legacy JSON endpoints, as parts to be sent one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tepui.allocator import Quota
from tepui.allocator.interface import RoleView
from tepui.codec import legacy, v0
from tepui.codec.assembly import Parts, separated
from tepui.master.core.model import Framework, State, Task
from tepui.master.core.views import first_status_time
from tepui.master.core.views_quota import quota_status
from tepui.master.core.views_roles import known_roles
from tepui.master.core.views_v1 import all_frameworks
from tepui.master.legacy import objects
from tepui.messages import TaskState

_encode = msgspec.json.Encoder().encode

# The states that /state-summary counts; the newer ones never got there.
_COUNTED = (
    TaskState.TASK_STAGING,
    TaskState.TASK_STARTING,
    TaskState.TASK_RUNNING,
    TaskState.TASK_KILLING,
    TaskState.TASK_FINISHED,
    TaskState.TASK_KILLED,
    TaskState.TASK_FAILED,
    TaskState.TASK_LOST,
    TaskState.TASK_ERROR,
    TaskState.TASK_UNREACHABLE,
)

TASKS_LIMIT_DEFAULT = 100


def state_answer(state: State, *, version: Mapping[str, object], flags: Mapping[str, str]) -> Parts:
    """Answer /state."""
    head = _encode(_about_master(state, version, flags))[:-1]
    parts = [head, b',"slaves":[']
    _join(parts, ([objects.slave(each), b"}"] for each in state.agents.values()))
    parts.append(b'],"recovered_slaves":[')
    _join(parts, ([objects.recovered_slave(each)] for each in state.recovered_agents.values()))
    parts.append(b'],"frameworks":[')
    _join(parts, (objects.framework(each) for each in state.frameworks.values()))
    parts.append(b'],"completed_frameworks":[')
    _join(parts, (objects.framework(each) for each in state.completed_frameworks.values()))
    parts.append(b'],"orphan_tasks":[],"unregistered_frameworks":[]}')
    return parts


def frameworks_answer(state: State, framework_id: str | None = None) -> Parts:
    """Answer /frameworks, for one framework if ``framework_id`` is given."""
    parts = [b'{"frameworks":[']
    _join(parts, map(objects.framework, _selected(state.frameworks.values(), framework_id)))
    parts.append(b'],"completed_frameworks":[')
    completed = _selected(state.completed_frameworks.values(), framework_id)
    _join(parts, map(objects.framework, completed))
    parts.append(b'],"unregistered_frameworks":[]}')
    return parts


def slaves_answer(state: State, agent_id: str | None = None) -> Parts:
    """Answer /slaves, for one agent if ``agent_id`` is given."""
    agents = [each for each in state.agents.values() if agent_id in (None, each.agent_id)]
    recovered = [
        each for each in state.recovered_agents.values() if agent_id in (None, each.agent_id)
    ]
    parts = [b'{"slaves":[']
    _join(parts, map(objects.slave_in_full, agents))
    parts.append(b'],"recovered_slaves":[')
    _join(parts, ([objects.recovered_slave(each)] for each in recovered))
    parts.append(b"]}")
    return parts


def tasks_answer(
    state: State,
    *,
    framework_id: str | None = None,
    task_id: str | None = None,
    limit: int = TASKS_LIMIT_DEFAULT,
    offset: int = 0,
    is_ascending: bool = False,
) -> Parts:
    """Answer /tasks: those that are known, by the time of their first status."""
    tasks: list[Task] = []
    for framework in _selected(all_frameworks(state), framework_id):
        tasks += [each for each in _tasks_of(framework) if task_id in (None, each.task_id)]
    tasks.sort(key=first_status_time, reverse=not is_ascending)
    shown = tasks[offset : offset + limit] if limit >= 0 else tasks[offset:]
    return [b'{"tasks":[', *separated([objects.task(each) for each in shown]), b"]}"]


def roles_answer(state: State, roles: Sequence[RoleView]) -> Parts:
    """Answer /roles, with what the allocator knows of ``roles``."""
    return [_encode({"roles": [_role(each) for each in known_roles(state, roles)]})]


def summary_answer(state: State) -> Parts:
    """Answer /state-summary: frameworks and agents with the number of tasks in each state."""
    head: dict[str, object] = {"hostname": state.config.hostname}
    if state.config.cluster is not None:
        head["cluster"] = state.config.cluster
    by_agent: dict[str, dict[TaskState, int]] = {}
    by_framework: dict[str, dict[TaskState, int]] = {}
    frameworks_on: dict[str, dict[str, None]] = {}
    agents_of: dict[str, dict[str, None]] = {}
    for framework in state.frameworks.values():
        counts = by_framework.setdefault(framework.framework_id, {})
        agents = agents_of.setdefault(framework.framework_id, {})
        for task in _tasks_of(framework):
            counts[task.state] = counts.get(task.state, 0) + 1
            agents[task.agent_id] = None
            on_agent = by_agent.setdefault(task.agent_id, {})
            on_agent[task.state] = on_agent.get(task.state, 0) + 1
            frameworks_on.setdefault(task.agent_id, {})[framework.framework_id] = None
    parts = [_encode(head)[:-1], b',"slaves":[']
    _join(
        parts,
        (
            [
                objects.slave(each),
                _counts(by_agent.get(each.agent_id, {})),
                _ids("framework_ids", frameworks_on.get(each.agent_id, {})),
            ]
            for each in state.agents.values()
        ),
    )
    parts.append(b'],"frameworks":[')
    _join(
        parts,
        (
            [
                objects.framework_summary(each),
                _counts(by_framework[each.framework_id]),
                _ids("slave_ids", agents_of[each.framework_id]),
            ]
            for each in state.frameworks.values()
        ),
    )
    parts.append(b"]}")
    return parts


def weights_answer(weights: Mapping[str, float]) -> Parts:
    """Answer GET /weights: those that somebody set."""
    return [_encode([{"weight": weights[role], "role": role} for role in weights])]


def quota_answer(quotas: Mapping[str, Quota]) -> Parts:
    """Answer GET /quota: of the roles that have some."""
    return [_encode(v0.to_builtins(quota_status(quotas)))]


def _about_master(
    state: State, version: Mapping[str, object], flags: Mapping[str, str]
) -> dict[str, object]:
    info = state.master_info
    registered = [each for each in state.agents.values() if each.is_active and each.is_connected]
    about: dict[str, object] = {**version, "start_time": state.started_time}
    if state.elected_time is not None:
        about["elected_time"] = state.elected_time
    about |= {
        "id": info.id,
        "pid": info.pid,
        "hostname": info.hostname,
        "capabilities": [each.type.name for each in info.capabilities if each.type is not None],
        "activated_slaves": float(len(registered)),
        "deactivated_slaves": float(len(state.agents) - len(registered)),
        "unreachable_slaves": float(len(state.unreachable_agents)),
    }
    leader: dict[str, object] = {
        "id": info.id,
        "pid": info.pid,
        "port": info.port,
        "hostname": info.hostname,
    }
    if info.domain is not None:
        leader["domain"] = about["domain"] = legacy.domain(info.domain)
    about |= {"leader": info.pid, "leader_info": leader}
    for name in ("cluster", "log_dir", "external_log_file"):
        if name in flags:
            about[name] = flags[name]
    about["flags"] = dict(flags)
    return about


def _role(view: RoleView) -> dict[str, object]:
    return {
        "name": view.name,
        "weight": view.weight,
        "quota": {
            "role": view.name,
            "guarantee": view.quota.guarantees.to_floats(),
            "limit": view.quota.limits.to_floats(),
            "consumed": view.consumed.to_floats(),
        },
        "resources": view.allocated.plus(view.offered).to_floats(),
        "allocated": view.allocated.to_floats(),
        "offered": view.offered.to_floats(),
        "reserved": view.reserved.to_floats(),
        "frameworks": view.frameworks,
    }


def _selected(frameworks: Iterable[Framework], framework_id: str | None) -> list[Framework]:
    return [each for each in frameworks if framework_id in (None, each.framework_id)]


def _tasks_of(framework: Framework) -> list[Task]:
    return [
        *framework.tasks.values(),
        *framework.unreachable_tasks.values(),
        *framework.completed_tasks,
    ]


def _counts(counts: Mapping[TaskState, int]) -> bytes:
    return b"".join(f',"{each.name}":{counts.get(each, 0)}'.encode() for each in _COUNTED)


def _ids(name: str, ids: Iterable[str]) -> bytes:
    return b',"' + name.encode() + b'":' + _encode(list(ids)) + b"}"


def _join(parts: Parts, bodies: Iterable[Parts]) -> None:
    """Add ``bodies`` with commas between them."""
    is_first = True
    for body in bodies:
        if not is_first:
            parts.append(b",")
        parts += body
        is_first = False
