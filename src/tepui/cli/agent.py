"""``tepui agent``: the daemon if flags follow, and what operators do with agents if a verb does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from tepui.cli import agents, daemon
from tepui.cli.options import (
    DEFAULT_MASTER,
    AgentArgument,
    DryRunOption,
    JsonOption,
    MasterOption,
    YesOption,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tepui.cli.changing import Change, Manner
    from tepui.cli.plans.holdings import Holdings
    from tepui.cli.plans.maintenance import Facts
    from tepui.messages import AgentInfo
    from tepui.messages.master import Response
    from tepui.sdk.operator import OperatorClient

_HELP = ("-h", "--help")


class DaemonOrVerb(TyperGroup):
    """Hands everything over to the daemon unless the first word is no flag."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments apart, if they are not the daemon's."""
        ctx.obj = None
        if args and not args[0].startswith("-"):
            return super().parse_args(ctx, args)
        ctx.obj = list(args)
        return []

    def invoke(self, ctx: Any) -> Any:
        """Become the daemon, or run the verb."""
        if ctx.obj is None:
            return super().invoke(ctx)
        flags: list[str] = ctx.obj
        if flags and flags[0] in _HELP:
            typer.echo(self.get_help(ctx) + "\n\nWithout a command, it runs an agent:\n")
            flags = ["--help"]
        return daemon.start("agent", flags)


commands = typer.Typer(
    cls=DaemonOrVerb,
    help="Run an agent, with Mesos' flags; or see to those of the cluster, by these commands.",
    add_help_option=False,
)

commands.command("list")(agents.agents)


@commands.command("show")
def show(
    agent: AgentArgument, master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False
) -> None:
    """Show an agent: where it is, how it stands, what it has for whom, and what of it is used."""
    from tepui.cli.asking import ask
    from tepui.cli.naming import find_agent
    from tepui.cli.output import print_json, print_table
    from tepui.cli.plans.holdings import holdings_of
    from tepui.cli.plans.maintenance import read_facts

    facts = ask(master, read_facts)
    found = find_agent(facts.agents, agent)
    if as_json:
        print_json(found)
        return
    for name, text in _properties(found, facts):
        print(f"{name:<12}{text}")
    print()
    print_table(("ROLE", "RESERVED", "RESOURCES", "USED"), _shares(holdings_of(found)))


@commands.command("deactivate")
def deactivate(
    agent: AgentArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Offer nothing of an agent any more; its tasks go on."""
    from tepui.cli.changing import Manner
    from tepui.cli.finding import find_away
    from tepui.cli.plans.draining import deactivation

    async def plan(operator: OperatorClient) -> Change:
        return deactivation(await operator.get_agents(), await find_away(operator), agent)

    _carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)


@commands.command("reactivate")
def reactivate(
    agent: AgentArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Offer an agent again that was deactivated or drained."""
    from tepui.cli.changing import Manner
    from tepui.cli.finding import find_away
    from tepui.cli.plans.draining import reactivation

    async def plan(operator: OperatorClient) -> Change:
        return reactivation(await operator.get_agents(), await find_away(operator), agent)

    _carry_out(Manner(master=master, is_dry_run=is_dry_run, as_json=as_json), plan)


@commands.command("gone")
def gone(
    agent: AgentArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    is_confirmed: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give an agent up for good, with all of its tasks: it can never come back.

    For a machine that is lost: frameworks hear that its tasks are gone, and need not wait.
    """
    from tepui.cli.changing import Manner
    from tepui.cli.finding import count_tasks, find_away
    from tepui.cli.plans.draining import giving_up

    async def plan(operator: OperatorClient) -> Change:
        return giving_up(
            await operator.get_agents(),
            await find_away(operator),
            agent,
            tasks=await count_tasks(operator),
        )

    manner = Manner(
        master=master, is_dry_run=is_dry_run, is_confirmed=is_confirmed, as_json=as_json
    )
    _carry_out(manner, plan)


def _carry_out(manner: Manner, plan: Callable[[OperatorClient], Awaitable[Change]]) -> None:
    from tepui.cli.changing import carry_out

    carry_out(manner, plan)


def _properties(found: Response.GetAgents.Agent, facts: Facts) -> list[tuple[str, str]]:
    from tepui.cli.naming import id_of
    from tepui.cli.plans.maintenance import machine_of
    from tepui.cli.times import format_moment
    from tepui.master.validation.maintenance import machine_key

    info = found.agent_info
    machine = facts.machines[machine_key(machine_of(found))]
    told = [
        ("id", id_of(info)),
        ("host", f"{info.hostname}:{info.port}"),
        ("state", agents.state_of(found)),
        ("version", found.version),
    ]
    if found.registered_time is not None:
        told.append(("since", format_moment(found.registered_time.nanoseconds)))
    if info.attributes:
        told.append(("attributes", _attributes(info)))
    if machine.unavailability is not None:
        start = format_moment(machine.unavailability.start.nanoseconds)
        told.append(("maintenance", f"{machine.mode.name.lower()}, from {start}"))
    tasks = "1 task" if machine.tasks == 1 else f"{machine.tasks} tasks"
    told.append(("machine", f"{machine.name}, with {tasks}"))
    return told


def _attributes(info: AgentInfo) -> str:
    from tepui.resources import legacy_attributes

    shown = (
        (name, f"{value:g}" if isinstance(value, float) else value)
        for name, value in legacy_attributes(info.attributes)
    )
    return ";".join(f"{name}:{value}" for name, value in shown)


def _shares(holdings: Holdings) -> list[tuple[str, str, str, str]]:
    """Return what is for everybody, and then what is reserved."""
    from tepui.cli.plans.holdings import plainly
    from tepui.cli.plans.reservations import list_reserved

    free, used = holdings.total.unreserved(), holdings.used.unreserved()
    return [
        ("*", "-", plainly(free), plainly(used) or "-"),
        *(
            (each.stack[-1].role, each.kind, plainly(each.resources), plainly(each.used) or "-")
            for each in list_reserved(holdings)
        ),
    ]
