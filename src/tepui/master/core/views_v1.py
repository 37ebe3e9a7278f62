"""The answers of the v1 operator API that tell of many things, joined from fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from tepui.codec.assembly import Assembler, Parts
from tepui.codec.media import JSON
from tepui.master.core.model import Agent, Executor, Framework, RecoveredAgent, State, Task
from tepui.master.core.views import (
    agent_message,
    executor_message,
    framework_message,
    recovered_agent_message,
    task_message,
)
from tepui.messages.base import Message
from tepui.messages.master import Event, Response

Type = Response.Type


class Shown(Protocol):
    """Something whose encoded forms are kept until it changes."""

    fragments: dict[str, bytes]


T = TypeVar("T", bound=Shown)


def get_state(state: State, assembler: Assembler) -> Parts:
    """Answer GET_STATE."""
    return _answer(Type.GET_STATE, "get_state", _everything(state, assembler), assembler)


def get_subscribed(state: State, heartbeat_interval: float, assembler: Assembler) -> Parts:
    """Return the first event of an operator's stream: all that GET_STATE tells."""
    cls = Event.Subscribed
    body = assembler.message(
        [
            assembler.member(cls, "get_state", _everything(state, assembler)),
            assembler.number(cls, "heartbeat_interval_seconds", heartbeat_interval),
        ]
    )
    return assembler.message(
        [
            assembler.kind(Event, "type", Event.Type.SUBSCRIBED),
            assembler.member(Event, "subscribed", body),
        ]
    )


def get_tasks(state: State, assembler: Assembler) -> Parts:
    """Answer GET_TASKS."""
    return _answer(Type.GET_TASKS, "get_tasks", _tasks(state, assembler), assembler)


def get_executors(state: State, assembler: Assembler) -> Parts:
    """Answer GET_EXECUTORS."""
    return _answer(Type.GET_EXECUTORS, "get_executors", _executors(state, assembler), assembler)


def get_frameworks(state: State, assembler: Assembler) -> Parts:
    """Answer GET_FRAMEWORKS."""
    return _answer(Type.GET_FRAMEWORKS, "get_frameworks", _frameworks(state, assembler), assembler)


def get_agents(state: State, assembler: Assembler) -> Parts:
    """Answer GET_AGENTS."""
    return _answer(Type.GET_AGENTS, "get_agents", _agents(state, assembler), assembler)


def all_frameworks(state: State) -> Iterator[Framework]:
    """Iterate the frameworks, those that are over last."""
    yield from state.frameworks.values()
    yield from state.completed_frameworks.values()


def executors_of(framework: Framework) -> Iterator[Executor]:
    """Iterate a framework's executors over all agents."""
    for on_agent in framework.executors.values():
        yield from on_agent.values()


def _answer(kind: Type, field: str, body: Parts, assembler: Assembler) -> Parts:
    return assembler.message(
        [
            assembler.kind(Response, "type", kind),
            assembler.member(Response, field, body),
        ]
    )


def _everything(state: State, assembler: Assembler) -> Parts:
    cls = Response.GetState
    return assembler.message(
        [
            assembler.member(cls, "get_tasks", _tasks(state, assembler)),
            assembler.member(cls, "get_executors", _executors(state, assembler)),
            assembler.member(cls, "get_frameworks", _frameworks(state, assembler)),
            assembler.member(cls, "get_agents", _agents(state, assembler)),
        ]
    )


def _tasks(state: State, assembler: Assembler) -> Parts:
    cls = Response.GetTasks
    running: list[Task] = []
    unreachable: list[Task] = []
    completed: list[Task] = []
    for framework in all_frameworks(state):
        running += framework.tasks.values()
        unreachable += framework.unreachable_tasks.values()
        completed += framework.completed_tasks
    return assembler.message(
        [
            assembler.members(cls, "tasks", _fragments(running, assembler, task_message)),
            assembler.members(
                cls, "unreachable_tasks", _fragments(unreachable, assembler, task_message)
            ),
            assembler.members(
                cls, "completed_tasks", _fragments(completed, assembler, task_message)
            ),
        ]
    )


def _executors(state: State, assembler: Assembler) -> Parts:
    executors = [each for framework in all_frameworks(state) for each in executors_of(framework)]
    bodies = _fragments(executors, assembler, executor_message)
    return assembler.message([assembler.members(Response.GetExecutors, "executors", bodies)])


def _frameworks(state: State, assembler: Assembler) -> Parts:
    cls = Response.GetFrameworks
    current = _fragments(state.frameworks.values(), assembler, framework_message)
    completed = _fragments(state.completed_frameworks.values(), assembler, framework_message)
    return assembler.message(
        [
            assembler.members(cls, "frameworks", current),
            assembler.members(cls, "completed_frameworks", completed),
        ]
    )


def _agents(state: State, assembler: Assembler) -> Parts:
    cls = Response.GetAgents
    return assembler.message(
        [
            assembler.members(
                cls, "agents", [_agent(each, assembler) for each in state.agents.values()]
            ),
            assembler.members(
                cls,
                "recovered_agents",
                [_recovered_agent(each, assembler) for each in state.recovered_agents.values()],
            ),
        ]
    )


def _agent(agent: Agent, assembler: Assembler) -> bytes:
    return _fragment(agent, assembler, agent_message, _with_agent_checkpoint)


def _recovered_agent(agent: RecoveredAgent, assembler: Assembler) -> bytes:
    return _fragment(agent, assembler, recovered_agent_message, _with_checkpoint)


def _fragments(
    owners: Iterable[T], assembler: Assembler, describe: Callable[[T], Message]
) -> list[bytes]:
    return [_fragment(each, assembler, describe) for each in owners]


def _fragment(
    owner: T,
    assembler: Assembler,
    describe: Callable[[T], Message],
    complete: Callable[[bytes], bytes] | None = None,
) -> bytes:
    body = owner.fragments.get(assembler.name)
    if body is None:
        body = assembler.encode(describe(owner))
        if complete is not None and assembler.media_type == JSON:
            body = complete(body)
        owner.fragments[assembler.name] = body
    return body


# Mesos writes a field into the JSON of agents that only version 0 declares.


def _with_agent_checkpoint(body: bytes) -> bytes:
    return body.replace(b'"agent_info":{', b'"agent_info":{"checkpoint":true,', 1)


def _with_checkpoint(body: bytes) -> bytes:
    return b'{"checkpoint":true,' + body[1:]
