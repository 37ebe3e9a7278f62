"""``tepui explain``: why a framework or a role waits, and whether a task would fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tepui.cli.options import DEFAULT_MASTER, JsonOption, MasterOption

if TYPE_CHECKING:
    from tepui.cli.explained import Explained
    from tepui.sdk.operator import OperatorClient


def explain(
    framework: Annotated[
        str | None, typer.Option("--framework", "-f", help="A framework, by its id or name.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", "-r", help="A role, with the roles below it.")
    ] = None,
    cpus: Annotated[float | None, typer.Option(help="What a task needs of CPUs.")] = None,
    mem: Annotated[float | None, typer.Option(help="Of memory, in megabytes.")] = None,
    disk: Annotated[float | None, typer.Option(help="Of disk, in megabytes.")] = None,
    gpus: Annotated[float | None, typer.Option(help="Of GPUs.")] = None,
    resources: Annotated[
        str | None, typer.Option(help="Of anything, such as cpus:4,mem:8g,fpga:1.")
    ] = None,
    master: MasterOption = DEFAULT_MASTER,
    as_json: JsonOption = False,
) -> None:
    """Say why a framework or a role waits, and whether a task would fit on any agent.

    Without amounts, it is about anything that is worth an offer.
    """
    from tepui.cli.asking import ask
    from tepui.cli.explained import Explained
    from tepui.cli.output import print_json
    from tepui.cli.typed import typed

    if (framework is None) is (role is None):
        raise typer.BadParameter("say --framework or --role: whom is it about?")
    request = _request(resources, {"cpus": cpus, "mem": mem, "disk": disk, "gpus": gpus})

    async def question(operator: OperatorClient) -> tuple[Any, Explained]:
        who = {"role": role}
        if framework is not None:
            who = {"framework_id": await _framework_id(operator, framework)}
        found = await operator.get_json(_target({**who, **request}))
        return found, typed(found, Explained)

    found, explained = ask(master, question)
    if as_json:
        print_json(found)
    else:
        _show(explained)


def _request(resources: str | None, named: dict[str, float | None]) -> dict[str, str]:
    from tepui.cli.amounts import parse_scalars

    amounts = {} if resources is None else parse_scalars("--resources", resources)
    for name, amount in named.items():
        if amount is None:
            continue
        if name in amounts:
            raise typer.BadParameter(f"--{name} and --resources both say how much {name}")
        amounts[name] = amount
    return {name: repr(amount) for name, amount in amounts.items()}


def _target(parameters: dict[str, str | None]) -> str:
    from urllib.parse import urlencode

    return "/api/explain?" + urlencode({k: v for k, v in parameters.items() if v is not None})


async def _framework_id(operator: OperatorClient, name: str) -> str:
    """Return the id of the framework that is called so; what is no name is taken for an id."""
    from tepui.cli.errors import CommandFailed

    infos = [each.framework_info for each in (await operator.get_frameworks()).frameworks]
    ids = [info.id.value for info in infos if info.id is not None and info.name == name]
    if name in [info.id.value for info in infos if info.id is not None] or not ids:
        return name
    if len(ids) > 1:
        raise CommandFailed(f"several frameworks are called {name!r}: {', '.join(ids)}")
    return ids[0]


def _show(explained: Explained) -> None:
    from tepui.cli.output import print_table

    print(explained.answer)
    for advice in explained.advice:
        print(f"  - {advice}")
    if rows := explained.causes():
        print()
        print_table(("ROLE", "FRAMEWORK", "CAUSE", "AGENTS", "OF", "NEAREST"), rows)
    if rows := explained.order():
        print()
        print_table(("ROLE", "FRAMEWORK", "PLACE", "SHARE", "WEIGHT", "AHEAD", "FIRST"), rows)
    if rows := explained.quotas():
        print()
        print_table(("QUOTA OF", "RESOURCE", "CONSUMED", "GUARANTEE", "LIMIT"), rows)
    if explained.clients_left_out:
        print(f"\n{explained.clients_left_out} more frameworks in roles were not looked at.")
