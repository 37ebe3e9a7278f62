"""What the legacy endpoints of maintenance and machines are given, and what they answer.

Their JSON is that of the messages of the v1 API.
"""

from __future__ import annotations

from tepui.base.errors import Rejected
from tepui.codec import json
from tepui.codec.assembly import Parts
from tepui.codec.errors import DecodeError
from tepui.master.core.maintenance import cluster_status
from tepui.master.core.model import State
from tepui.messages import MachineID
from tepui.messages.maintenance import Schedule


def schedule_answer(state: State) -> Parts:
    """Answer GET /maintenance/schedule."""
    return [json.encode(state.schedule)]


def status_answer(state: State) -> Parts:
    """Answer GET /maintenance/status."""
    return [json.encode(cluster_status(state))]


def read_schedule(body: bytes) -> Schedule:
    """Return the schedule that POST /maintenance/schedule takes.

    Raises:
        Rejected: The body is none.
    """
    try:
        return json.decode(Schedule, body)
    except DecodeError as error:
        raise Rejected(f"The body is no maintenance schedule: {error}") from error


def read_machines(body: bytes) -> tuple[MachineID, ...]:
    """Return the machines that /machine/down and /machine/up take: a list of their ids.

    Raises:
        Rejected: The body is no such list.
    """
    try:
        return json.decode_list(MachineID, body)
    except DecodeError as error:
        raise Rejected(f"The body is no list of machines: {error}") from error
