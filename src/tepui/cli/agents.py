"""``tepui agents``: the machines of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tepui.cli.options import DEFAULT_MASTER, JsonOption, MasterOption

if TYPE_CHECKING:
    from tepui.messages.master import Response


def agents(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """List the agents and what of them is used."""
    from tepui.cli.asking import ask
    from tepui.cli.output import print_json, print_table, used_of_total

    found = ask(master, lambda operator: operator.get_agents())
    if as_json:
        print_json(found.agents)
        return
    print_table(
        ("ID", "HOST", "STATE", "CPUS", "MEM", "DISK", "VERSION"),
        [
            (
                agent.agent_info.id.value if agent.agent_info.id else "",
                f"{agent.agent_info.hostname}:{agent.agent_info.port}",
                state_of(agent),
                used_of_total(agent.allocated_resources, agent.total_resources, "cpus"),
                used_of_total(agent.allocated_resources, agent.total_resources, "mem"),
                used_of_total(agent.allocated_resources, agent.total_resources, "disk"),
                agent.version,
            )
            for agent in found.agents
        ],
    )


def state_of(agent: Response.GetAgents.Agent) -> str:
    """Return how an agent stands, in a word."""
    if agent.drain_info is not None:
        return str(agent.drain_info.state.value).lower()
    if agent.deactivated:
        return "deactivated"
    return "active" if agent.active else "disconnected"
