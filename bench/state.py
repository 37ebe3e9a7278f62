"""How long does the master take to show 10,000 tasks, when all has changed and when nothing has?

Run with ``python -m bench.state [TASKS]``. Prints a table and writes ``bench/results/state.json``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bench.report import Goal, publish
from tepui.base.collections import Ring
from tepui.codec.assembly import Parts, assembler_for
from tepui.codec.media import JSON, PROTOBUF
from tepui.master.core import views_v1
from tepui.master.core.config import MasterConfig, master_info
from tepui.master.core.model import Agent, AgentState, Framework, FrameworkState, State, Task
from tepui.master.garbage import calm_garbage_collector
from tepui.master.legacy import answers
from tepui.messages import (
    AgentID,
    AgentInfo,
    ContainerID,
    ContainerStatus,
    FrameworkID,
    FrameworkInfo,
    NetworkInfo,
    TaskID,
    TaskState,
    TaskStatus,
)
from tepui.messages import Task as TaskMessage
from tepui.resources import Resources, parse_resources

AGENTS = 100
FRAMEWORKS = 10
COLD_GOAL_MS = 60.0
WARM_GOAL_MS = 5.0


def main() -> int:
    """Measure each answer, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", type=int, nargs="?", default=10_000)
    task_count: int = parser.parse_args().tasks
    load = os.getloadavg()
    state = make_state(task_count)
    calm_garbage_collector()
    answer: dict[str, Callable[[], Parts]] = {
        "/state": lambda: answers.state_answer(state, version={"version": "1.11.0"}, flags={}),
        "/tasks": lambda: answers.tasks_answer(state, limit=task_count),
        "/state-summary": lambda: answers.summary_answer(state),
        "GET_STATE json": lambda: views_v1.get_state(state, assembler_for(JSON)),
        "GET_STATE protobuf": lambda: views_v1.get_state(state, assembler_for(PROTOBUF)),
    }
    rows: list[dict[str, Any]] = []
    for name, make in answer.items():
        cold, warm, size = measure(state, make)
        row = {
            "answer": name,
            "cold_ms": cold * 1e3,
            "warm_ms": warm * 1e3,
            "megabytes": size / 1e6,
        }
        rows.append(row)
    parameters = {"tasks": task_count, "frameworks": FRAMEWORKS, "agents": AGENTS, "best_of": 3}
    cold_ms, warm_ms = rows[0]["cold_ms"], rows[0]["warm_ms"]
    goals = [
        Goal(what="/state cold", value=round(cold_ms, 2), limit=COLD_GOAL_MS, unit="ms"),
        Goal(what="/state warm", value=round(warm_ms, 2), limit=WARM_GOAL_MS, unit="ms"),
    ]
    publish("state", rows, goals=goals, parameters=parameters, load_before=load)
    return 0


def measure(state: State, make: Callable[[], Parts]) -> tuple[float, float, int]:
    """Return the seconds with everything changed and with nothing changed, and the size."""
    cold = warm = float("inf")
    size = 0
    for _ in range(3):
        forget(state)
        start = time.perf_counter()
        size = len(b"".join(make()))
        cold = min(cold, time.perf_counter() - start)
    for _ in range(3):
        start = time.perf_counter()
        b"".join(make())
        warm = min(warm, time.perf_counter() - start)
    return cold, warm, size


def forget(state: State) -> None:
    """Drop every fragment, as if every object had changed."""
    for agent in state.agents.values():
        agent.fragments.clear()
    for framework in state.frameworks.values():
        framework.fragments.clear()
        for task in framework.tasks.values():
            task.fragments.clear()


def make_state(task_count: int) -> State:
    """Return a master's state with running tasks spread over its agents and frameworks."""
    config = MasterConfig()
    state = State(
        master_id="master",
        master_info=master_info(config, "master"),
        config=config,
        completed_frameworks=Ring(50),
        removed_agents=Ring(1000),
    )
    for index in range(AGENTS):
        add_agent(state, f"agent-{index}")
    for index in range(FRAMEWORKS):
        add_framework(state, f"framework-{index}")
    for index in range(task_count):
        add_task(state, index)
    return state


def add_agent(state: State, agent_id: str) -> None:
    """Add a registered agent."""
    info = AgentInfo(hostname=f"{agent_id}.example", id=AgentID(value=agent_id))
    state.agents[agent_id] = Agent(
        agent_id=agent_id,
        id_message=AgentID(value=agent_id),
        info=info,
        state=AgentState.REGISTERED,
        version="1.11.0",
        capabilities=("MULTI_ROLE",),
        pid="slave(1)@127.0.0.1:5051",
        url=None,
        peer="",
        total=parse_resources("cpus:128;mem:262144;disk:1000000;ports:[31000-32000]"),
        channel=1,
    )


def add_framework(state: State, framework_id: str) -> None:
    """Add a subscribed framework."""
    info = FrameworkInfo(user="nobody", name=framework_id, id=FrameworkID(value=framework_id))
    state.frameworks[framework_id] = Framework(
        framework_id=framework_id,
        id_message=FrameworkID(value=framework_id),
        info=info,
        state=FrameworkState.CONNECTED,
        roles=("*",),
        completed_tasks=deque(maxlen=1000),
        unreachable_tasks=Ring(1000),
    )


def add_task(state: State, index: int) -> None:
    """Add a running task with the two statuses that it has by then."""
    framework_id = f"framework-{index % FRAMEWORKS}"
    agent_id = f"agent-{index % AGENTS}"
    task_id = f"task-{index:08}"
    resources: Resources = parse_resources("cpus:0.5;mem:128").allocated_to("*")
    template = TaskMessage(
        name=f"a task with number {index}",
        task_id=TaskID(value=task_id),
        framework_id=FrameworkID(value=framework_id),
        agent_id=AgentID(value=agent_id),
        state=TaskState.TASK_STAGING,
        resources=resources.to_messages(),
    )
    address = NetworkInfo.IPAddress(ip_address="10.0.0.1")
    container = ContainerStatus(
        container_id=ContainerID(value=f"container-{index}"),
        network_infos=[NetworkInfo(ip_addresses=[address])],
    )
    statuses = [
        TaskStatus(
            task_id=template.task_id,
            state=each,
            source=TaskStatus.Source.SOURCE_EXECUTOR,
            agent_id=template.agent_id,
            timestamp=1e9 + index,
            uuid=index.to_bytes(16, "big"),
            container_status=container,
        )
        for each in (TaskState.TASK_STARTING, TaskState.TASK_RUNNING)
    ]
    state.frameworks[framework_id].tasks[task_id] = Task(
        task_id=task_id,
        framework_id=framework_id,
        agent_id=agent_id,
        executor_id=None,
        template=template,
        resources=resources,
        state=TaskState.TASK_RUNNING,
        statuses=statuses,
    )


if __name__ == "__main__":
    sys.exit(main())
