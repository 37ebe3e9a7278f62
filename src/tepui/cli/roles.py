"""``tepui roles``: for whom the resources are."""

from __future__ import annotations

from tepui.cli.options import DEFAULT_MASTER, JsonOption, MasterOption


def roles(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """List the roles with their weights and what they use."""
    from tepui.cli.asking import ask
    from tepui.cli.output import Amounts, print_json, print_table

    found = ask(master, lambda operator: operator.get_roles())
    if as_json:
        print_json(found)
        return
    print_table(
        ("ROLE", "WEIGHT", "FRAMEWORKS", "CPUS", "MEM"),
        [
            (
                role.name,
                f"{role.weight:g}",
                str(len(role.frameworks)),
                Amounts(role.resources).of("cpus"),
                Amounts(role.resources).of("mem"),
            )
            for role in found
        ],
    )
