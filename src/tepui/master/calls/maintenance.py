"""Calls about maintenance: its schedule, how far machines are drained, and which are down."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.codec.assembly import Assembler, Parts
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.master.core.events import (
    MachinesDownRequested,
    MachinesUpRequested,
    MaintenanceScheduleUpdateRequested,
)
from tepui.master.core.maintenance import cluster_status
from tepui.messages.master import Call, Response

Type = Response.Type


def get_maintenance_status(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_MAINTENANCE_STATUS: which machines drain, who answered, and which are down."""
    del call
    status = Response.GetMaintenanceStatus(status=cluster_status(context.state))
    answer = Response(type=Type.GET_MAINTENANCE_STATUS, get_maintenance_status=status)
    return [assembler.encode(answer)]


def get_maintenance_schedule(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_MAINTENANCE_SCHEDULE."""
    del call
    schedule = Response.GetMaintenanceSchedule(schedule=context.state.schedule)
    answer = Response(type=Type.GET_MAINTENANCE_SCHEDULE, get_maintenance_schedule=schedule)
    return [assembler.encode(answer)]


def update_maintenance_schedule(
    call: Call, context: CallContext, assembler: Assembler
) -> Awaitable[Answer]:
    """Do UPDATE_MAINTENANCE_SCHEDULE, and answer when the registry holds it."""
    del assembler
    assert call.update_maintenance_schedule is not None
    schedule = call.update_maintenance_schedule.schedule
    return context.driver.ask(
        lambda number: MaintenanceScheduleUpdateRequested(request_id=number, schedule=schedule)
    )


def start_maintenance(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do START_MAINTENANCE: machines go down, and their agents with them."""
    del assembler
    assert call.start_maintenance is not None
    machine_ids = tuple(call.start_maintenance.machines)
    return context.driver.ask(
        lambda number: MachinesDownRequested(request_id=number, machine_ids=machine_ids)
    )


def stop_maintenance(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do STOP_MAINTENANCE: machines that are down are in use again."""
    del assembler
    assert call.stop_maintenance is not None
    machine_ids = tuple(call.stop_maintenance.machines)
    return context.driver.ask(
        lambda number: MachinesUpRequested(request_id=number, machine_ids=machine_ids)
    )
