"""``tepui quota``: what roles are guaranteed, and what they may use at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import (
    DEFAULT_MASTER,
    DryRunOption,
    JsonOption,
    MasterOption,
    YesOption,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tepui.cli.plans.quota import RoleQuota

commands = typer.Typer(help="Guarantee resources to roles, and limit what they use.")

RoleArgument = Annotated[str, typer.Argument(metavar="ROLE", help="A role at the top level.")]


@commands.command("list")
def list_(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """List the roles that have quota, with what counts towards it now."""
    from tepui.cli.asking import ask
    from tepui.cli.plans.quota import list_quotas

    found = ask(master, list_quotas)
    _show((quota for quota in found.values() if quota.has_any), as_json=as_json)


@commands.command("show")
def show(
    role: RoleArgument, master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False
) -> None:
    """Show what a role is guaranteed, limited to and consumes, whether it has quota or not."""
    from tepui.cli.asking import ask
    from tepui.cli.output import print_json
    from tepui.cli.plans.quota import RoleQuota, list_quotas

    found = ask(master, list_quotas).get(role) or RoleQuota(role=role)
    if as_json:
        print_json(_shown(found))
    elif found.rows():
        _show([found], as_json=False)
    else:
        print(f"role {role!r} has no quota, and consumes nothing")


@commands.command("set")
def set_(
    role: RoleArgument,
    master: MasterOption = DEFAULT_MASTER,
    guarantee: Annotated[
        str | None,
        typer.Option(help="What it is sure to get, as cpus:10,mem:64g; none; else as it was."),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(help="What it may use at most, in the same form; none; else as it was."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Though the cluster has less, or the role consumes more than that."
        ),
    ] = False,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set what a role is guaranteed, limited to, or both.

    A resource that the list leaves out is not guaranteed, or not limited, any more.
    """
    from tepui.cli.amounts import parse_scalars
    from tepui.cli.changing import Change, Manner, carry_out
    from tepui.cli.plans.quota import read_facts, setting
    from tepui.sdk.operator import OperatorClient

    guarantees = None if guarantee is None else parse_scalars("--guarantee", guarantee)
    limits = None if limit is None else parse_scalars("--limit", limit)

    async def plan(operator: OperatorClient) -> Change:
        facts = await read_facts(operator)
        return setting(facts, role, guarantees=guarantees, limits=limits, is_forced=force)

    carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)


@commands.command("remove")
def remove(
    role: RoleArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    is_confirmed: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take the quota of a role away: nothing is guaranteed any more, and nothing limited."""
    from tepui.cli.changing import Change, Manner, carry_out
    from tepui.cli.plans.quota import read_facts, removal
    from tepui.sdk.operator import OperatorClient

    async def plan(operator: OperatorClient) -> Change:
        return removal(await read_facts(operator), role)

    manner = Manner(
        master=master, is_dry_run=is_dry_run, is_confirmed=is_confirmed, as_json=as_json
    )
    carry_out(manner, plan)


def _show(quotas: Iterable[RoleQuota], *, as_json: bool) -> None:
    from tepui.cli.output import print_json, print_table

    if as_json:
        print_json([_shown(quota) for quota in quotas])
        return
    print_table(
        ("ROLE", "RESOURCE", "GUARANTEE", "LIMIT", "CONSUMED"),
        [(quota.role, *row) for quota in quotas for row in quota.rows()],
    )


def _shown(quota: RoleQuota) -> object:
    import msgspec

    return msgspec.to_builtins(quota)
