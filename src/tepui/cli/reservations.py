"""``tepui reserve``, ``unreserve`` and ``reservations``: parts of agents kept for a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import (
    DEFAULT_MASTER,
    AgentArgument,
    DryRunOption,
    JsonOption,
    MasterOption,
)

if TYPE_CHECKING:
    from tepui.cli.plans.reservations import Reserved

DiskOption = Annotated[
    str | None,
    typer.Option(
        metavar="KIND:DIRECTORY", help="Disk of path:/DIRECTORY or mount:/DIRECTORY is meant."
    ),
]


def reservations(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help="This one only, named as for reserve.")
    ] = None,
    master: MasterOption = DEFAULT_MASTER,
    role: Annotated[str | None, typer.Option(help="Of this role only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what is reserved of agents, for whom, and what of it is used."""
    from tepui.cli.asking import ask
    from tepui.cli.naming import find_agent
    from tepui.cli.output import print_json, print_table
    from tepui.cli.plans.holdings import holdings_of, plainly
    from tepui.cli.plans.reservations import list_reserved

    found = ask(master, lambda operator: operator.get_agents())
    agents = found.agents if agent is None else [find_agent(found, agent)]
    shown = [
        reserved
        for each in agents
        for reserved in list_reserved(holdings_of(each))
        if role in (None, reserved.stack[-1].role)
    ]
    if as_json:
        print_json([_shown(each) for each in shown])
        return
    print_table(
        ("ID", "HOST", "ROLE", "KIND", "PRINCIPAL", "RESOURCES", "USED"),
        [
            (
                each.holdings.agent_id.value,
                each.holdings.hostname,
                each.stack[-1].role,
                each.kind,
                each.stack[-1].principal or "-",
                plainly(each.resources),
                plainly(each.used) or "-",
            )
            for each in shown
        ],
    )


def reserve(
    agent: AgentArgument,
    resources: Annotated[
        str, typer.Argument(metavar="RESOURCES", help="As 'cpus:2;mem:1g;ports:[31000-31009]'.")
    ],
    role: Annotated[str, typer.Option(help="For whom.")],
    master: MasterOption = DEFAULT_MASTER,
    of: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE",
            help="Take it from what is reserved for this role: for a role below, it is refined;"
            " for another, it changes hands.",
        ),
    ] = None,
    disk: DiskOption = None,
    principal: Annotated[
        str | None, typer.Option(help="Who reserves, as the reservation is to say.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Noted with the reservation; may be repeated."),
    ] = None,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Reserve what no task uses of an agent for a role."""
    from tepui.cli.amounts import parse_amounts
    from tepui.cli.changing import Change, Manner, carry_out
    from tepui.cli.naming import find_agent
    from tepui.cli.plans.holdings import holdings_of, parse_disk
    from tepui.cli.plans.reservations import parse_labels, reserving
    from tepui.resources.conversions import ReservationType
    from tepui.resources.keys import Reservation
    from tepui.sdk.operator import OperatorClient

    wanted = parse_amounts("RESOURCES", resources)
    source = parse_disk(disk)
    reservation = Reservation(ReservationType.DYNAMIC, role, principal, parse_labels(label or ()))

    async def plan(operator: OperatorClient) -> Change:
        holdings = holdings_of(find_agent(await operator.get_agents(), agent))
        return reserving(holdings, wanted, reservation, of_role=of, disk=source)

    carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)


def unreserve(
    agent: AgentArgument,
    role: Annotated[str, typer.Option(help="Whose reservation ends.")],
    resources: Annotated[
        str | None,
        typer.Argument(metavar="RESOURCES", help="As for reserve; without, all there is."),
    ] = None,
    master: MasterOption = DEFAULT_MASTER,
    disk: DiskOption = None,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """End the reservation of what no task uses of an agent.

    What refined another reservation is reserved as before. Volumes have to be destroyed first.
    """
    from tepui.cli.amounts import parse_amounts
    from tepui.cli.changing import Change, Manner, carry_out
    from tepui.cli.naming import find_agent
    from tepui.cli.plans.holdings import holdings_of, parse_disk
    from tepui.cli.plans.reservations import unreserving
    from tepui.sdk.operator import OperatorClient

    wanted = None if resources is None else parse_amounts("RESOURCES", resources)
    source = parse_disk(disk)

    async def plan(operator: OperatorClient) -> Change:
        holdings = holdings_of(find_agent(await operator.get_agents(), agent))
        return unreserving(holdings, wanted, role, disk=source)

    carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)


def _shown(reserved: Reserved) -> object:
    from tepui.codec import json as codec

    return {
        "agent_id": reserved.holdings.agent_id.value,
        "hostname": reserved.holdings.hostname,
        "role": reserved.stack[-1].role,
        "resources": [codec.to_builtins(each) for each in reserved.resources.to_messages()],
        "used": [codec.to_builtins(each) for each in reserved.used.to_messages()],
    }
