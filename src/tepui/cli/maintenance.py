"""``tepui maintenance``: machines that are going to be away, are away, or are back."""

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
    from collections.abc import Callable, Sequence

    from tepui.cli.changing import Change, Manner
    from tepui.cli.plans.maintenance import Facts, Machine
    from tepui.messages import MachineID, Unavailability

commands = typer.Typer(help="Plan when machines are away; take them down, and bring them up.")

MachinesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="MACHINE...",
        help="Host name, address or agent; HOSTNAME/IP for one without an agent.",
    ),
]


@commands.command("list")
def list_(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """List the maintenance that is scheduled."""
    from tepui.cli.asking import ask
    from tepui.cli.output import print_json, print_table

    schedule = ask(master, lambda operator: operator.get_maintenance_schedule())
    if as_json:
        print_json(schedule)
        return
    from tepui.master.validation.maintenance import machine_name

    print_table(
        ("MACHINE", "START", "DURATION"),
        [
            (machine_name(machine_id), *_when(window.unavailability))
            for window in schedule.windows
            for machine_id in window.machine_ids
        ],
    )


@commands.command("status")
def status(master: MasterOption = DEFAULT_MASTER, as_json: JsonOption = False) -> None:
    """Show how far the machines of the schedule are: tasks left, and what frameworks answered."""
    from tepui.cli.asking import ask
    from tepui.cli.output import print_json, print_table
    from tepui.cli.plans.maintenance import read_facts

    machines = list(ask(master, read_facts).scheduled.values())
    if as_json:
        print_json([_shown(machine) for machine in machines])
        return
    print_table(
        ("MACHINE", "MODE", "START", "DURATION", "AGENTS", "TASKS", "ANSWERS"),
        [
            (
                machine.name,
                machine.mode.name.lower(),
                *_when(machine.unavailability),
                str(len(machine.agent_ids)),
                str(machine.tasks),
                ", ".join(
                    f"{answer.framework_id.value} {answer.status.name.lower()}s"
                    for answer in machine.answers
                )
                or "-",
            )
            for machine in machines
        ],
    )


@commands.command("schedule")
def schedule(
    machines: MachinesArgument,
    master: MasterOption = DEFAULT_MASTER,
    start: Annotated[
        str, typer.Option(help="now, +2h from now, or 2030-01-31T22:00 (and Z or +01:00).")
    ] = "now",
    duration: Annotated[
        str | None, typer.Option(help="As 30m or 2h; without, nobody is told of an end.")
    ] = None,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Plan when machines are away: offers say so, and frameworks are asked to leave.

    The rest of the schedule stays; machines that are in it move to the new time.
    """
    from tepui.cli.changing import Manner
    from tepui.cli.plans.maintenance import scheduling
    from tepui.cli.times import parse_moment, parse_span
    from tepui.messages import DurationInfo, TimeInfo, Unavailability

    moment = parse_moment("--start", start, _now())
    span = None if duration is None else parse_span("--duration", duration)
    unavailability = Unavailability(
        start=TimeInfo(nanoseconds=moment),
        duration=None if span is None else DurationInfo(nanoseconds=span),
    )
    manner = Manner(master=master, is_dry_run=is_dry_run, as_json=as_json)
    _change(manner, machines, lambda facts, found: scheduling(facts, found, unavailability))


@commands.command("cancel")
def cancel(
    machines: MachinesArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take machines that are not down off the schedule; the rest of it stays."""
    from tepui.cli.changing import Manner
    from tepui.cli.plans.maintenance import cancellation

    manner = Manner(master=master, is_dry_run=is_dry_run, as_json=as_json)
    _change(manner, machines, cancellation)


@commands.command("start")
def start(
    machines: MachinesArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    is_confirmed: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take machines of the schedule down: their agents end, with all tasks."""
    from tepui.cli.changing import Manner
    from tepui.cli.plans.maintenance import start

    manner = Manner(
        master=master, is_dry_run=is_dry_run, is_confirmed=is_confirmed, as_json=as_json
    )
    _change(manner, machines, start)


@commands.command("stop")
def stop(
    machines: MachinesArgument,
    master: MasterOption = DEFAULT_MASTER,
    is_dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put machines that are down in use again, and off the schedule: start their agents then."""
    from tepui.cli.changing import Manner
    from tepui.cli.plans.maintenance import stop

    manner = Manner(master=master, is_dry_run=is_dry_run, as_json=as_json)
    _change(manner, machines, stop)


def _change(
    manner: Manner,
    machines: Sequence[str],
    change: Callable[[Facts, Sequence[MachineID]], Change],
) -> None:
    from tepui.cli.changing import carry_out
    from tepui.cli.plans.maintenance import find_machines, read_facts
    from tepui.sdk.operator import OperatorClient

    async def plan(operator: OperatorClient) -> Change:
        facts = await read_facts(operator)
        return change(facts, find_machines(facts, machines))

    carry_out(manner, plan)


def _now() -> int:
    import time

    return time.time_ns()


def _when(unavailability: Unavailability | None) -> tuple[str, str]:
    from tepui.cli.times import format_moment, format_span

    if unavailability is None:
        return "-", "-"
    duration = unavailability.duration
    return (
        format_moment(unavailability.start.nanoseconds),
        "-" if duration is None else format_span(duration.nanoseconds),
    )


def _shown(machine: Machine) -> object:
    from tepui.codec import json as codec

    unavailability = machine.unavailability
    return {
        "machine_id": codec.to_builtins(machine.machine_id),
        "mode": machine.mode.name,
        "unavailability": None if unavailability is None else codec.to_builtins(unavailability),
        "agent_ids": list(machine.agent_ids),
        "tasks": machine.tasks,
        "statuses": [codec.to_builtins(answer) for answer in machine.answers],
    }
