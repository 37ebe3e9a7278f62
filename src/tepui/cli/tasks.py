"""``tepui tasks``: what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tepui.cli.options import DEFAULT_MASTER, AllOption, JsonOption, MasterOption

if TYPE_CHECKING:
    from tepui.messages.master import Response
    from tepui.sdk.operator import OperatorClient


def tasks(
    master: MasterOption = DEFAULT_MASTER,
    as_json: JsonOption = False,
    include_completed: AllOption = False,
) -> None:
    """List the tasks with their states and places."""
    from tepui.cli.asking import ask
    from tepui.cli.output import Amounts, print_json, print_table

    found, hosts = ask(master, _tasks_and_hosts)
    shown = [*found.tasks, *found.unreachable_tasks]
    if include_completed:
        shown += found.completed_tasks
    if as_json:
        print_json(shown)
        return
    print_table(
        ("ID", "NAME", "STATE", "HOST", "CPUS", "MEM", "FRAMEWORK"),
        [
            (
                task.task_id.value,
                task.name,
                task.state.value,
                hosts.get(task.agent_id.value, task.agent_id.value),
                Amounts(task.resources).of("cpus"),
                Amounts(task.resources).of("mem"),
                task.framework_id.value,
            )
            for task in shown
        ],
    )


async def _tasks_and_hosts(
    operator: OperatorClient,
) -> tuple[Response.GetTasks, dict[str, str]]:
    agents = (await operator.get_agents()).agents
    hosts = {
        agent.agent_info.id.value: f"{agent.agent_info.hostname}:{agent.agent_info.port}"
        for agent in agents
        if agent.agent_info.id is not None
    }
    return await operator.get_tasks(), hosts
