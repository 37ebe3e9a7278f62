"""``tepui frameworks``: who uses the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tepui.cli.options import DEFAULT_MASTER, AllOption, JsonOption, MasterOption

if TYPE_CHECKING:
    from tepui.messages.master import Response


def frameworks(
    master: MasterOption = DEFAULT_MASTER,
    as_json: JsonOption = False,
    include_completed: AllOption = False,
) -> None:
    """List the frameworks with what they use."""
    from tepui.cli.asking import ask
    from tepui.cli.output import Amounts, print_json, print_table

    found = ask(master, lambda operator: operator.get_frameworks())
    completed = found.completed_frameworks if include_completed else []
    shown = [*found.frameworks, *completed]
    states = [*map(state_of, found.frameworks), *["completed"] * len(completed)]
    if as_json:
        print_json(shown)
        return
    print_table(
        ("ID", "NAME", "USER", "ROLES", "STATE", "CPUS", "MEM"),
        [
            (
                each.framework_info.id.value if each.framework_info.id else "",
                each.framework_info.name,
                each.framework_info.user,
                ",".join(each.framework_info.roles) or each.framework_info.role or "*",
                state,
                Amounts(each.allocated_resources).of("cpus"),
                Amounts(each.allocated_resources).of("mem"),
            )
            for each, state in zip(shown, states, strict=True)
        ],
    )


def state_of(framework: Response.GetFrameworks.Framework) -> str:
    """Return how a framework stands that is not over; when it left last says nothing of that."""
    if framework.recovered:
        return "recovered"
    if not framework.connected:
        return "disconnected"
    return "active" if framework.active else "inactive"
