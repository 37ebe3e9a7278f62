"""``tepui state``: the cluster at a glance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tepui.cli.options import DEFAULT_MASTER, JsonOption, MasterOption

if TYPE_CHECKING:
    from tepui.messages.master import Response
    from tepui.sdk.operator import OperatorClient


def state(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """Show the cluster at a glance.

    With --json, the master's whole /state.
    """
    from tepui.cli.asking import ask
    from tepui.cli.output import print_json

    if as_json:
        print_json(ask(master, _whole_state))
        return
    found, version, url = ask(master, _glance)
    for name, text in [("master", url), ("version", version), *_summary(found)]:
        print(f"{name:<12}{text}")


async def _whole_state(operator: OperatorClient) -> Any:
    return await operator.get_json("/state")


async def _glance(operator: OperatorClient) -> tuple[Response.GetState, str, str]:
    found = await operator.get_state()
    version = await operator.get_version()
    return found, version.version, operator.master_url


def _summary(found: Response.GetState) -> list[tuple[str, str]]:
    from tepui.cli.output import used_of_total

    agents = found.get_agents.agents if found.get_agents else []
    frameworks = found.get_frameworks.frameworks if found.get_frameworks else []
    tasks = found.get_tasks.tasks if found.get_tasks else []
    used = [resource for agent in agents for resource in agent.allocated_resources]
    total = [resource for agent in agents for resource in agent.total_resources]
    states = Counter(task.state.value for task in tasks)
    by_state = ", ".join(f"{count} {name}" for name, count in sorted(states.items()))
    return [
        ("agents", f"{sum(agent.active for agent in agents)} active of {len(agents)}"),
        ("frameworks", f"{sum(each.active for each in frameworks)} active of {len(frameworks)}"),
        ("tasks", f"{len(tasks)}" + (f" ({by_state})" if by_state else "")),
        ("cpus", used_of_total(used, total, "cpus")),
        ("mem", used_of_total(used, total, "mem")),
        ("disk", used_of_total(used, total, "disk")),
    ]
