"""Maintenance: operators schedule machines, take them down and bring them up again.

Each change is stored before anybody acts on it. Requests that arrive meanwhile are judged by
what the registry is going to hold (`State.machines_planned`), so that they may follow at once.
"""

from __future__ import annotations

from tepui.link.messages import Shutdown
from tepui.master.core import registry
from tepui.master.core.agents import remove_agent
from tepui.master.core.context import Context
from tepui.master.core.effects import Respond
from tepui.master.core.events import (
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
)
from tepui.master.core.machines import (
    Machine,
    Machines,
    brought_up,
    in_order,
    schedule_of,
    scheduled,
    taken_down,
)
from tepui.master.core.model import Agent, State
from tepui.master.core.offers import rescind_offers_of
from tepui.master.core.pending import PendingMaintenance
from tepui.master.validation.maintenance import (
    MachineKey,
    machine_key,
    validate_machines_down,
    validate_machines_up,
    validate_schedule,
)
from tepui.master.validation.problem import Problem
from tepui.messages import MachineID, MachineInfo, Unavailability
from tepui.messages.maintenance import ClusterStatus

Mode = MachineInfo.Mode

_DOWN = "An operator took the machine down"


def on_schedule_update_requested(ctx: Context, event: MaintenanceScheduleUpdateRequested) -> None:
    """Check a schedule and write it down; it replaces the one that there was."""
    planned = ctx.state.machines_planned
    found = validate_schedule(event.schedule, planned)
    if found is not None:
        _refuse(ctx, event.request_id, found)
        return
    machines = scheduled(event.schedule, planned)
    _store(ctx, PendingMaintenance(request_id=event.request_id, machines=machines, is_new=True))


def on_machines_down_requested(ctx: Context, event: MachinesDownRequested) -> None:
    """Write down that machines are under maintenance; their agents go once that is stored."""
    planned = ctx.state.machines_planned
    found = validate_machines_down(event.machine_ids, planned)
    if found is not None:
        _refuse(ctx, event.request_id, found)
        return
    keys = tuple(machine_key(each) for each in event.machine_ids)
    machines = taken_down(planned, keys)
    _store(ctx, PendingMaintenance(request_id=event.request_id, machines=machines))


def on_machines_up_requested(ctx: Context, event: MachinesUpRequested) -> None:
    """Write down that machines are in use again, and out of the schedule."""
    planned = ctx.state.machines_planned
    found = validate_machines_up(event.machine_ids, planned)
    if found is not None:
        _refuse(ctx, event.request_id, found)
        return
    machines = brought_up(planned, (machine_key(each) for each in event.machine_ids))
    _store(ctx, PendingMaintenance(request_id=event.request_id, machines=machines))


def on_maintenance_stored(ctx: Context, pending: PendingMaintenance) -> None:
    """The registry holds it: agents and frameworks are told, and whoever asked."""
    state = ctx.state
    state.machines = pending.machines
    state.schedule = schedule_of(state.machines)
    for agent in list(state.agents.values()):
        if pending.is_new:
            # Mesos takes back everything, also from machines that the change is not about.
            rescind_offers_of(ctx, agent)
        _apply(ctx, agent, is_new=pending.is_new)
    ctx.log(
        "info",
        "maintenance_changed",
        draining=sum(each.mode is Mode.DRAINING for each in state.machines.values()),
        down=sum(each.mode is Mode.DOWN for each in state.machines.values()),
    )
    ctx.out.append(Respond(request_id=pending.request_id, status=200))


def on_agent_entered(ctx: Context, agent: Agent) -> None:
    """Have an agent that registered, on whatever machine, keep to the schedule."""
    _apply(ctx, agent, is_new=False)


def is_machine_down(state: State, hostname: str, ip: str) -> bool:
    """Tell whether no agent may be where one wants to register."""
    machine = state.machines.get(machine_key(MachineID(hostname=hostname, ip=ip)))
    return machine is not None and machine.mode is Mode.DOWN


def machine_of(state: State, agent: Agent) -> Machine | None:
    """Return the machine of the schedule that an agent is on, if it is on one."""
    return state.machines.get(_key_of(agent))


def recover_machines(ctx: Context, stored: list[Machine]) -> None:
    """Begin with the machines of the registry."""
    state = ctx.state
    state.machines = state.machines_planned = in_order(stored)
    state.schedule = schedule_of(state.machines)


def cluster_status(state: State) -> ClusterStatus:
    """Return which machines are draining, with what frameworks answered, and which are down."""
    answers: dict[MachineKey, list[Agent]] = {}
    for agent in state.agents.values():
        if agent.inverse_statuses:
            answers.setdefault(_key_of(agent), []).append(agent)
    return ClusterStatus(
        draining_machines=[
            ClusterStatus.DrainingMachine(
                id=machine.machine_id,
                statuses=[
                    status
                    for agent in answers.get(key, ())
                    for status in agent.inverse_statuses.values()
                ],
            )
            for key, machine in state.machines.items()
            if machine.mode is Mode.DRAINING
        ],
        down_machines=[
            machine.machine_id for machine in state.machines.values() if machine.mode is Mode.DOWN
        ],
    )


def _apply(ctx: Context, agent: Agent, *, is_new: bool) -> None:
    """Have an agent be as the schedule says of its machine.

    Args:
        is_new: Whether the schedule was just set: frameworks are asked again then.
    """
    machine = machine_of(ctx.state, agent)
    unavailability = None if machine is None else machine.unavailability
    if agent.unavailability != unavailability or (is_new and unavailability is not None):
        _update_unavailability(ctx, agent, unavailability)
    if machine is not None and machine.mode is Mode.DOWN:
        # It may miss the word, and is out of the books in any case.
        ctx.tell_agent(agent, Shutdown(message=_DOWN))
        remove_agent(ctx, agent, _DOWN)


def _update_unavailability(
    ctx: Context, agent: Agent, unavailability: Unavailability | None
) -> None:
    rescind_offers_of(ctx, agent)
    agent.unavailability = unavailability
    agent.inverse_statuses.clear()
    agent.touch()
    ctx.allocator.update_unavailability(agent.agent_id, unavailability)


def _key_of(agent: Agent) -> MachineKey:
    return machine_key(MachineID(hostname=agent.info.hostname, ip=agent.ip))


def _store(ctx: Context, pending: PendingMaintenance) -> None:
    """Write what differs from what the registry is going to hold without it."""
    planned: Machines = ctx.state.machines_planned
    ctx.state.machines_planned = pending.machines
    changed = [machine for key, machine in pending.machines.items() if planned.get(key) != machine]
    removed = [machine for key, machine in planned.items() if key not in pending.machines]
    registry.put_machines(ctx, changed, removed, pending)


def _refuse(ctx: Context, request_id: int, found: Problem) -> None:
    ctx.out.append(Respond(request_id=request_id, status=found.status, text=found.message))
