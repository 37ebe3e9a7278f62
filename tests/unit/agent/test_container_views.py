"""Whose containers are, and what they use."""

from __future__ import annotations

import asyncio
from typing import Any

from tepui.agent.container_views import ContainerView, container_id_message, view_containers
from tepui.messages import ContainerID, ResourceStatistics


def view(agent: Any, **options: Any) -> list[ContainerView]:
    async def usage(container_id: str) -> ResourceStatistics | None:
        if "." not in container_id and container_id not in agent.model.containers:
            return None
        return ResourceStatistics(timestamp=1.0, cpus_user_time_secs=1.0, mem_rss_bytes=10)

    return asyncio.run(view_containers(agent.model, usage, **options))


def test_a_nested_id_names_its_parents() -> None:
    assert container_id_message("a.b.c") == ContainerID(
        value="c", parent=ContainerID(value="b", parent=ContainerID(value="a"))
    )
    assert container_id_message("a") == ContainerID(value="a")


def test_the_container_of_a_command_task_is_its_executors(agent: Any) -> None:
    container_id = agent.running()
    [shown] = view(agent)
    assert shown.container_id == ContainerID(value=container_id)
    assert (shown.framework_id, shown.executor_id, shown.status.executor_pid) == ("f1", "t1", 77)
    assert shown.statistics is not None
    assert shown.statistics.mem_rss_bytes == 10


def test_a_pod_uses_what_its_tasks_use(agent: Any) -> None:
    for spec in agent.launches(agent.run_group(agent.task("a"), agent.task("b"))):
        agent.launched(spec.container_id)
    [pod] = view(agent)
    assert pod.statistics is not None
    assert (pod.statistics.cpus_user_time_secs, pod.statistics.mem_rss_bytes) == (2.0, 20)
    assert len(view(agent, are_nested_shown=True)) == 3


def test_a_container_in_which_nothing_runs_has_no_statistics(agent: Any) -> None:
    agent.run_task(agent.task("t1"))

    async def usage(container_id: str) -> ResourceStatistics | None:
        assert container_id
        return None

    [shown] = asyncio.run(view_containers(agent.model, usage))
    assert shown.statistics is None
    assert shown.status.executor_pid is None
