"""Which machines are meant, and what the whole schedule becomes: a call replaces all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tepui.cli.changing import Change
from tepui.cli.errors import CommandFailed
from tepui.cli.finding import count_tasks
from tepui.cli.naming import id_of, is_called
from tepui.cli.times import format_moment, format_span
from tepui.master.validation.maintenance import (
    MachineKey,
    machine_key,
    machine_name,
    validate_machines_down,
    validate_machines_up,
    validate_schedule,
)
from tepui.master.validation.problem import Problem
from tepui.messages import MachineID, MachineInfo, Unavailability
from tepui.messages.allocator import InverseOfferStatus
from tepui.messages.maintenance import ClusterStatus, Schedule, Window
from tepui.messages.master import Call, Response
from tepui.sdk.operator import OperatorClient

Mode = MachineInfo.Mode


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine with the agents on it, and its part in the schedule, if it has one."""

    machine_id: MachineID
    agent_ids: tuple[str, ...] = ()
    tasks: int = 0
    mode: Mode = Mode.UP
    unavailability: Unavailability | None = None
    answers: tuple[InverseOfferStatus, ...] = ()

    @property
    def name(self) -> str:
        """As people write it."""
        return machine_name(self.machine_id)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a master tells of machines: the schedule, and those that agents are on."""

    schedule: Schedule
    machines: dict[MachineKey, Machine]
    agents: Response.GetAgents

    @property
    def scheduled(self) -> dict[MachineKey, Machine]:
        """The machines of the schedule."""
        return {key: each for key, each in self.machines.items() if each.mode is not Mode.UP}


async def read_facts(operator: OperatorClient) -> Facts:
    """Ask a master for all that maintenance depends on."""
    agents = await operator.get_agents()
    schedule = await operator.get_maintenance_schedule()
    status = await operator.get_maintenance_status()
    tasks = await count_tasks(operator)
    return facts_of(agents, schedule, status, tasks)


def facts_of(
    agents: Response.GetAgents, schedule: Schedule, status: ClusterStatus, tasks: dict[str, int]
) -> Facts:
    """Return what a master's answers say together."""
    machines: dict[MachineKey, Machine] = {}
    replace = msgspec.structs.replace
    for agent in agents.agents:
        machine_id, agent_id = machine_of(agent), id_of(agent.agent_info)
        key = machine_key(machine_id)
        found = machines.get(key) or Machine(machine_id=machine_id)
        machines[key] = replace(
            found,
            agent_ids=(*found.agent_ids, agent_id),
            tasks=found.tasks + tasks.get(agent_id, 0),
        )
    down = [machine_key(each) for each in status.down_machines]
    answers = {machine_key(each.id): each.statuses for each in status.draining_machines}
    for window in schedule.windows:
        for machine_id in window.machine_ids:
            key = machine_key(machine_id)
            machines[key] = replace(
                machines.get(key) or Machine(machine_id=machine_id),
                mode=Mode.DOWN if key in down else Mode.DRAINING,
                unavailability=window.unavailability,
                answers=tuple(answers.get(key, ())),
            )
    return Facts(schedule=schedule, machines=machines, agents=agents)


def machine_of(agent: Response.GetAgents.Agent) -> MachineID:
    """Return the machine that an agent is on: its host name and the address in its pid."""
    address = (agent.pid or "").rpartition("@")[2]
    ip = address.rpartition(":")[0]
    return MachineID(hostname=agent.agent_info.hostname, ip=ip or None)


def find_machines(facts: Facts, names: Iterable[str]) -> list[MachineID]:
    """Return the machines that names mean, each once.

    A name is a host name or an address of a machine that has an agent or is in the schedule,
    an agent, or ``HOSTNAME/IP`` for a machine that nobody knows yet.

    Raises:
        CommandFailed: One means none, or several.
    """
    found: dict[MachineKey, MachineID] = {}
    for name in names:
        machine_id = _find_machine(facts, name)
        found[machine_key(machine_id)] = machine_id
    return list(found.values())


def scheduling(
    facts: Facts, machines: Sequence[MachineID], unavailability: Unavailability
) -> Change:
    """Return the change that plans maintenance of machines; what others have stays planned."""
    windows = _without(facts.schedule, machines)
    window = Window(machine_ids=list(machines), unavailability=unavailability)
    span = unavailability.duration
    for_ = "with no end" if span is None else f"for {format_span(span.nanoseconds)}"
    return _update(
        facts,
        Schedule(windows=[*windows, window]),
        f"schedule maintenance of {_named(machines)} from"
        f" {format_moment(unavailability.start.nanoseconds)} {for_}",
    )


def cancellation(facts: Facts, machines: Sequence[MachineID]) -> Change:
    """Return the change that takes machines off the schedule.

    Raises:
        CommandFailed: One is not in it.
    """
    for machine_id in machines:
        if machine_key(machine_id) not in facts.scheduled:
            raise CommandFailed(f"no maintenance of {machine_name(machine_id)} is scheduled")
    return _update(
        facts,
        Schedule(windows=_without(facts.schedule, machines)),
        f"cancel the maintenance of {_named(machines)}",
    )


def start(facts: Facts, machines: Sequence[MachineID]) -> Change:
    """Return the change that takes machines down."""
    here = [facts.machines[key] for key in map(machine_key, machines) if key in facts.machines]
    agents = sum(len(each.agent_ids) for each in here)
    tasks = sum(each.tasks for each in here)
    return Change(
        call=Call(
            type=Call.Type.START_MAINTENANCE,
            start_maintenance=Call.StartMaintenance(machines=list(machines)),
        ),
        intent=f"take {_named(machines)} down for maintenance",
        refusal=_message(validate_machines_down(machines, facts.scheduled)),
        question=(
            f"Taking {_named(machines)} down ends {_count(agents, 'agent')} and"
            f" {_count(tasks, 'task')}: go on?"
        ),
    )


def stop(facts: Facts, machines: Sequence[MachineID]) -> Change:
    """Return the change that puts machines in use again."""
    return Change(
        call=Call(
            type=Call.Type.STOP_MAINTENANCE,
            stop_maintenance=Call.StopMaintenance(machines=list(machines)),
        ),
        intent=f"put {_named(machines)} in use again",
        refusal=_message(validate_machines_up(machines, facts.scheduled)),
    )


def _update(facts: Facts, schedule: Schedule, intent: str) -> Change:
    return Change(
        call=Call(
            type=Call.Type.UPDATE_MAINTENANCE_SCHEDULE,
            update_maintenance_schedule=Call.UpdateMaintenanceSchedule(schedule=schedule),
        ),
        intent=intent,
        refusal=_message(validate_schedule(schedule, facts.scheduled)),
    )


def _without(schedule: Schedule, machines: Iterable[MachineID]) -> list[Window]:
    """Return the windows of a schedule but for some machines; none is left empty."""
    gone = dict.fromkeys(machine_key(each) for each in machines)
    windows: list[Window] = []
    for window in schedule.windows:
        kept = [each for each in window.machine_ids if machine_key(each) not in gone]
        if kept:
            windows.append(msgspec.structs.replace(window, machine_ids=kept))
    return windows


def _find_machine(facts: Facts, name: str) -> MachineID:
    found = {
        key: machine.machine_id
        for key, machine in facts.machines.items()
        if name.lower() in (*key, machine.name.lower())
    }
    for agent in facts.agents.agents:
        if is_called(agent.agent_info, name):
            machine_id = machine_of(agent)
            found[machine_key(machine_id)] = machine_id
    if len(found) > 1:
        named = ", ".join(machine_name(each) for each in found.values())
        raise CommandFailed(f"several machines are called {name!r}: {named}")
    for machine_id in found.values():
        return machine_id
    hostname, slash, ip = name.partition("/")
    if not slash or not (hostname or ip):
        raise CommandFailed(
            f"no machine is called {name!r}: one without an agent is written HOSTNAME/IP, with"
            " both as its agents will say them"
        )
    return MachineID(hostname=hostname or None, ip=ip or None)


def _message(found: Problem | None) -> str | None:
    return None if found is None else found.message


def _named(machines: Sequence[MachineID]) -> str:
    return ", ".join(machine_name(each) for each in machines)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
