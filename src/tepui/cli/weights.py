"""``tepui weight``: how much more than others a role gets."""

from __future__ import annotations

from typing import Annotated

import typer

from tepui.cli.options import DEFAULT_MASTER, DryRunOption, JsonOption, MasterOption

commands = typer.Typer(help="Divide what is free unevenly between roles.")


@commands.command("list")
def list_(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """List the weights that were set; every other role has 1."""
    from tepui.cli.asking import ask
    from tepui.cli.output import print_json, print_table

    found = ask(master, lambda operator: operator.get_weights())
    found.sort(key=lambda each: each.role or "")
    if as_json:
        print_json(found)
        return
    print_table(("ROLE", "WEIGHT"), [(each.role or "", f"{each.weight:g}") for each in found])


@commands.command("set")
def set_(
    weights: Annotated[
        list[str],
        typer.Argument(metavar="ROLE=WEIGHT...", help="As dev=2: twice the share of a role of 1."),
    ],
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Set the weights of roles; others keep theirs."""
    from tepui.cli.changing import Change, Manner, carry_out
    from tepui.cli.plans.quota import allowed_roles
    from tepui.cli.plans.weights import parse_weights, setting
    from tepui.sdk.operator import OperatorClient

    wanted = parse_weights(weights)

    async def plan(operator: OperatorClient) -> Change:
        return setting(wanted, await allowed_roles(operator))

    carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)
