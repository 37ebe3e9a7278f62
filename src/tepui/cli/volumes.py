"""``tepui volume``: directories on agents that outlive tasks, until somebody destroys them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import (
    DEFAULT_MASTER,
    AgentArgument,
    DryRunOption,
    JsonOption,
    MasterOption,
    YesOption,
)
from tepui.cli.reservations import DiskOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from tepui.cli.changing import Change, Manner
    from tepui.cli.plans.volumes import KeptVolume, Resizing

commands = typer.Typer(help="Make persistent volumes of reserved disk, and destroy them.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Of the volume.")]
WhoseOption = Annotated[
    str | None, typer.Option("--role", help="Whose, if several roles have a volume of this id.")
]
ByOption = Annotated[str | None, typer.Option(help="By so much: 512m.")]
ToOption = Annotated[str | None, typer.Option(help="To this size: 2g.")]


@commands.command("list")
def list_(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", help="This one only, named as for create.")
    ] = None,
    master: MasterOption = DEFAULT_MASTER,
    role: Annotated[str | None, typer.Option(help="Of this role only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the persistent volumes of agents."""
    from tepui.cli.amounts import format_number
    from tepui.cli.asking import ask
    from tepui.cli.naming import find_agent
    from tepui.cli.output import print_json, print_table
    from tepui.cli.plans.holdings import describe_disk, holdings_of
    from tepui.cli.plans.volumes import list_volumes

    found = ask(master, lambda operator: operator.get_agents())
    agents = found.agents if agent is None else [find_agent(found, agent)]
    volumes = [
        volume
        for volume in list_volumes(holdings_of(each) for each in agents)
        if role in (None, volume.key.role)
    ]
    if as_json:
        print_json([_shown(volume) for volume in volumes])
        return
    print_table(
        ("VOLUME", "ROLE", "SIZE", "PATH", "DISK", "SHARED", "USED", "HOST", "ID"),
        [
            (
                volume.id,
                volume.key.role,
                format_number(volume.megabytes),
                volume.path,
                describe_disk(volume.key) or "-",
                "yes" if volume.key.shared else "no",
                "yes" if volume.is_used else "no",
                volume.holdings.hostname,
                volume.holdings.agent_id.value,
            )
            for volume in volumes
        ],
    )


@commands.command("create")
def create(
    agent: AgentArgument,
    volume_id: IdArgument,
    role: Annotated[str, typer.Option(help="Of whose reserved disk, and for whom.")],
    master: MasterOption = DEFAULT_MASTER,
    size: Annotated[
        str | None, typer.Option(help="As 1g or 512m; a mount disk is always taken whole.")
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="Where tasks find it in their sandbox [the id].")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Several tasks may use it at once.")
    ] = False,
    disk: DiskOption = None,
    principal: Annotated[
        str | None, typer.Option(help="Who makes it, as the volume is to say.")
    ] = None,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a volume of disk that is reserved for a role: see tepui reserve."""
    from tepui.cli.amounts import parse_size
    from tepui.cli.changing import Manner, carry_out
    from tepui.cli.naming import find_agent
    from tepui.cli.plans.holdings import holdings_of, parse_disk
    from tepui.cli.plans.volumes import creation
    from tepui.sdk.operator import OperatorClient

    megabytes = None if size is None else parse_size("--size", size)
    source = parse_disk(disk)

    async def plan(operator: OperatorClient) -> Change:
        return creation(
            holdings_of(find_agent(await operator.get_agents(), agent)),
            volume_id=volume_id,
            role=role,
            path=path or volume_id,
            megabytes=megabytes,
            disk=source,
            is_shared=shared,
            principal=principal,
        )

    carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)


@commands.command("destroy")
def destroy(
    agent: AgentArgument,
    volume_id: IdArgument,
    master: MasterOption = DEFAULT_MASTER,
    role: WhoseOption = None,
    is_dry_run: DryRunOption = False,
    is_confirmed: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Destroy a volume that no task uses, with all that is on it; its disk stays reserved."""
    from tepui.cli.changing import Manner
    from tepui.cli.plans.volumes import destruction

    manner = Manner(
        master=master, is_dry_run=is_dry_run, is_confirmed=is_confirmed, as_json=as_json
    )
    _change(manner, agent, volume_id, role, destruction)


@commands.command("grow")
def grow(
    agent: AgentArgument,
    volume_id: IdArgument,
    master: MasterOption = DEFAULT_MASTER,
    by: ByOption = None,
    to: ToOption = None,
    role: WhoseOption = None,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a volume larger, out of disk that is reserved in the same way.

    Returns once the agent has done it. No task may use the volume.
    """
    from tepui.cli.changing import Manner
    from tepui.cli.plans.volumes import growth

    manner = Manner(master=master, is_dry_run=is_dry_run, as_json=as_json)
    _resize(manner, agent, volume_id, role, _sizes(by, to), growth)


@commands.command("shrink")
def shrink(
    agent: AgentArgument,
    volume_id: IdArgument,
    master: MasterOption = DEFAULT_MASTER,
    by: ByOption = None,
    to: ToOption = None,
    role: WhoseOption = None,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a volume smaller; what is on it stays, and the disk that is freed stays reserved.

    Returns once the agent has done it. No task may use the volume.
    """
    from tepui.cli.changing import Manner
    from tepui.cli.plans.volumes import shrinkage

    manner = Manner(master=master, is_dry_run=is_dry_run, as_json=as_json)
    _resize(manner, agent, volume_id, role, _sizes(by, to), shrinkage, sign=-1)


def _resize(
    manner: Manner,
    agent: str,
    volume_id: str,
    role: str | None,
    sizes: tuple[float | None, float | None],
    plan: Resizing,
    sign: int = 1,
) -> None:
    """Change the size of a volume by the first of ``sizes`` or to the second, and wait for it."""
    from tepui.cli.asking import ask
    from tepui.cli.plans.volumes import wait_until_sized

    by, to = sizes
    volume = _change(manner, agent, volume_id, role, lambda volume: plan(volume, by=by, to=to))
    if volume is None:
        return
    megabytes = to if by is None else volume.megabytes + sign * by
    assert megabytes is not None, "one of --by and --to was given"
    ask(manner.master, lambda operator: wait_until_sized(operator, volume, megabytes))


def _change(
    manner: Manner,
    agent: str,
    volume_id: str,
    role: str | None,
    change: Callable[[KeptVolume], Change],
) -> KeptVolume | None:
    """Change a volume, and return it as it was; None if it was a dry run."""
    from tepui.cli.changing import carry_out
    from tepui.cli.naming import find_agent
    from tepui.cli.plans.holdings import holdings_of
    from tepui.cli.plans.volumes import find_volume
    from tepui.sdk.operator import OperatorClient

    found: list[KeptVolume] = []

    async def plan(operator: OperatorClient) -> Change:
        holdings = holdings_of(find_agent(await operator.get_agents(), agent))
        found.append(find_volume(holdings, volume_id, role))
        return change(found[0])

    return found[0] if carry_out(manner, plan) else None


def _sizes(by: str | None, to: str | None) -> tuple[float | None, float | None]:
    from tepui.cli.amounts import parse_size

    return (
        None if by is None else parse_size("--by", by),
        None if to is None else parse_size("--to", to),
    )


def _shown(volume: KeptVolume) -> object:
    from tepui.codec import json as codec

    return {
        "agent_id": volume.holdings.agent_id.value,
        "hostname": volume.holdings.hostname,
        "in_use": volume.is_used,
        "volume": codec.to_builtins(volume.message),
    }
