"""Maintenance schedules, lists of machines, and answers to inverse offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import Protocol

from tepui.master.validation.problem import Problem, problem
from tepui.messages import MachineID, MachineInfo, OfferID
from tepui.messages.maintenance import Schedule, Window

Mode = MachineInfo.Mode

MachineKey = tuple[str, str]
"""Tells machines apart: the host name in lower case and the address, empty if not given."""

MACHINES_MAX = 100_000
"""Machines in one schedule: each is a record of the registry."""

HOSTNAME_BYTES_MAX = 255


class Scheduled(Protocol):
    """What is known of a machine of the schedule."""

    @property
    def machine_id(self) -> MachineID:
        """As the schedule names it."""

    @property
    def mode(self) -> Mode:
        """Whether it is being drained or is down."""


class Asked(Protocol):
    """What the master remembers of an inverse offer."""

    framework_id: str
    agent_id: str


def machine_key(machine_id: MachineID) -> MachineKey:
    """Return what tells a machine apart: host names are compared without regard to case."""
    return (machine_id.hostname or "").lower(), machine_id.ip or ""


def machine_name(machine_id: MachineID) -> str:
    """Return a machine as messages show it."""
    return "/".join(part for part in (machine_id.hostname, machine_id.ip) if part)


def validate_schedule(
    schedule: Schedule, machines: Mapping[MachineKey, Scheduled]
) -> Problem | None:
    """Check a new schedule by the rules ``operator.maintenance.*``; the first problem counts.

    Args:
        machines: Those of the schedule so far.
    """
    seen: dict[MachineKey, None] = {}
    for index, window in enumerate(schedule.windows):
        field = f"schedule.windows[{index}]"
        found = _check_window(window, field) or _check_machines(
            window.machine_ids, f"{field}.machine_ids", seen, "in the schedule"
        )
        if found is not None:
            return found
    if len(seen) > MACHINES_MAX:
        return problem(
            "operator.maintenance.size", "schedule", len(seen), f"machines are over {MACHINES_MAX}"
        )
    return _check_no_down_one_left_out(seen, machines)


def validate_machines_down(
    machine_ids: Sequence[MachineID], machines: Mapping[MachineKey, Scheduled]
) -> Problem | None:
    """Check which machines are to be taken down: those that are being drained."""
    return _check_list(machine_ids) or _check_modes(
        machine_ids,
        machines,
        Mode.DRAINING,
        rule="operator.maintenance.not_draining",
        reason="cannot be taken down: it is not in mode DRAINING",
    )


def validate_machines_up(
    machine_ids: Sequence[MachineID], machines: Mapping[MachineKey, Scheduled]
) -> Problem | None:
    """Check which machines are to be brought up: those that are down."""
    return _check_list(machine_ids) or _check_modes(
        machine_ids,
        machines,
        Mode.DOWN,
        rule="operator.maintenance.not_down",
        reason="cannot be brought up: it is not in mode DOWN",
    )


def validate_inverse_offer_ids(
    offer_ids: Sequence[OfferID], inverse_offers: Mapping[str, Asked], framework_id: str
) -> Problem | None:
    """Check the inverse offers that a framework accepts by ``inverse.accept``.

    Args:
        inverse_offers: Those outstanding, by id, of every framework.
    """
    field = "accept_inverse_offers.inverse_offer_ids"
    if not offer_ids:
        return problem("inverse.accept", field, None, "names no inverse offer")
    seen: dict[str, None] = {}
    agent_id: str | None = None
    for offer_id in offer_ids:
        reason = None
        asked = inverse_offers.get(offer_id.value)
        if offer_id.value in seen:
            reason = "is named twice"
        elif asked is None:
            reason = "is not outstanding: it was answered, rescinded or never made"
        elif asked.framework_id != framework_id:
            reason = f"was made to another framework than {framework_id!r}"
        elif agent_id not in (None, asked.agent_id):
            reason = f"is about agent {asked.agent_id!r}, the first one about {agent_id!r}"
        if reason is not None or asked is None:
            return problem("inverse.accept", field, offer_id.value, reason or "")
        seen[offer_id.value] = None
        agent_id = asked.agent_id
    return None


def _check_window(window: Window, field: str) -> Problem | None:
    if not window.machine_ids:
        return problem(
            "operator.maintenance.window_empty", f"{field}.machine_ids", None, "names no machine"
        )
    duration = window.unavailability.duration
    if duration is not None and duration.nanoseconds < 0:
        return problem(
            "operator.maintenance.duration",
            f"{field}.unavailability.duration.nanoseconds",
            duration.nanoseconds,
            "is negative",
        )
    return None


def _check_list(machine_ids: Sequence[MachineID]) -> Problem | None:
    if not machine_ids:
        return problem("operator.maintenance.list_empty", "machines", None, "names no machine")
    return _check_machines(machine_ids, "machines", {}, "in the list")


def _check_machines(
    machine_ids: Sequence[MachineID], field: str, seen: dict[MachineKey, None], where: str
) -> Problem | None:
    """Check each machine, and that it is not among ``seen``, where it is noted."""
    for index, machine_id in enumerate(machine_ids):
        place = f"{field}[{index}]"
        found = _check_machine(machine_id, place)
        if found is not None:
            return found
        key = machine_key(machine_id)
        if key in seen:
            return problem(
                "operator.maintenance.duplicate",
                place,
                machine_name(machine_id),
                f"stands {where} twice",
            )
        seen[key] = None
    return None


def _check_machine(machine_id: MachineID, field: str) -> Problem | None:
    rule = "operator.maintenance.machine"
    hostname, ip = machine_id.hostname or "", machine_id.ip or ""
    if not hostname and not ip:
        return problem(rule, field, None, "has neither hostname nor ip")
    if len(hostname.encode()) > HOSTNAME_BYTES_MAX:
        return problem(
            rule, f"{field}.hostname", hostname, f"is longer than {HOSTNAME_BYTES_MAX} bytes"
        )
    if not ip:
        return None
    try:
        IPv4Address(ip)
    except AddressValueError:
        return problem(rule, f"{field}.ip", ip, "is no IPv4 address")
    return None


def _check_no_down_one_left_out(
    seen: Mapping[MachineKey, None], machines: Mapping[MachineKey, Scheduled]
) -> Problem | None:
    for key, machine in machines.items():
        if machine.mode is Mode.DOWN and key not in seen:
            return problem(
                "operator.maintenance.down_removed",
                "schedule",
                machine_name(machine.machine_id),
                "is left out, and is down: bring it up first",
            )
    return None


def _check_modes(
    machine_ids: Sequence[MachineID],
    machines: Mapping[MachineKey, Scheduled],
    mode: Mode,
    *,
    rule: str,
    reason: str,
) -> Problem | None:
    for index, machine_id in enumerate(machine_ids):
        field, name = f"machines[{index}]", machine_name(machine_id)
        machine = machines.get(machine_key(machine_id))
        if machine is None:
            return problem(
                "operator.maintenance.not_scheduled",
                field,
                name,
                "is not part of the maintenance schedule",
            )
        if machine.mode is not mode:
            return problem(rule, field, name, reason)
    return None
