"""``tepui roles``: for whom the resources are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tepui.cli.options import DEFAULT_MASTER, JsonOption, MasterOption

if TYPE_CHECKING:
    from tepui.messages import Role
    from tepui.sdk.operator import OperatorClient


def roles(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """List the roles with their weights and what they use, and why each may be waiting.

    For more about one of them: tepui explain --role=ROLE.
    """
    from tepui.cli.asking import ask
    from tepui.cli.output import Amounts, print_json, print_table
    from tepui.codec import json as codec

    found, reasons = ask(master, _roles)
    if as_json:
        print_json(
            [{**codec.to_builtins(role), "reason": reasons.get(role.name)} for role in found]
        )
        return
    print_table(
        ("ROLE", "WEIGHT", "FRAMEWORKS", "CPUS", "MEM", "REASON"),
        [
            (
                role.name,
                f"{role.weight:g}",
                str(len(role.frameworks)),
                Amounts(role.resources).of("cpus"),
                Amounts(role.resources).of("mem"),
                reasons.get(role.name, ""),
            )
            for role in found
        ],
    )


async def _roles(operator: OperatorClient) -> tuple[list[Role], dict[str, str]]:
    from tepui.cli.explained import RoleReasons
    from tepui.cli.typed import typed
    from tepui.sdk.errors import CallRejected

    found = await operator.get_roles()
    try:
        said = typed(await operator.get_json("/api/explain/roles"), RoleReasons)
    except CallRejected as error:
        if error.status != 404:
            raise
        return found, {}  # a master that cannot tell, such as one of Mesos' own
    return found, said.by_role()
