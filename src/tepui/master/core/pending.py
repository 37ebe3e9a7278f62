"""Decisions that wait for the registry to hold them, and then go on where they stopped.

One class for each kind of decision; ``Persisted`` takes it up again in ``core.master``.
"""

from __future__ import annotations

from dataclasses import dataclass

from tepui.allocator import Quota
from tepui.link.messages import Register, Reregister
from tepui.master.core.machines import Machines
from tepui.messages import DrainInfo


@dataclass(slots=True, eq=False, kw_only=True)
class PendingAdmission:
    """A new agent that waits for the registry to hold it.

    Attributes:
        channel: Where the answer goes; ``None`` once that is closed.
    """

    agent_id: str
    channel: int | None
    message: Register
    peer: str


@dataclass(slots=True, eq=False, kw_only=True)
class PendingReadmission:
    """A returning agent that waits for the registry to hold it again, or anew.

    Attributes:
        was: Where it stood before: ``registered``, ``recovered``, ``unreachable``, ``unknown``.
    """

    agent_id: str
    channel: int | None
    message: Reregister
    peer: str
    was: str


@dataclass(slots=True, eq=False, kw_only=True)
class PendingUnreachable:
    """An agent that the registry is told to be unreachable; ``was`` as above."""

    agent_id: str
    since: float
    was: str


@dataclass(slots=True, eq=False, kw_only=True)
class PendingRemoval:
    """An agent that the registry forgets, and why."""

    agent_id: str
    reason: str


@dataclass(slots=True, eq=False, kw_only=True)
class PendingForgetting:
    """Unreachable agents that the registry forgets because they are old or too many."""

    agent_ids: tuple[str, ...]


@dataclass(slots=True, eq=False, kw_only=True)
class PendingWeights:
    """Weights that wait for the registry to hold them, and the request that asked."""

    request_id: int
    weights: dict[str, float]


@dataclass(slots=True, eq=False, kw_only=True)
class PendingStanding:
    """What an operator decided about an agent, and the request that asked, if one did."""

    agent_id: str
    is_deactivated: bool
    drain: DrainInfo | None
    request_id: int | None


@dataclass(slots=True, eq=False, kw_only=True)
class PendingGone:
    """An agent that never comes back, and the request that said so, if one did."""

    agent_id: str
    since: float
    request_id: int | None


@dataclass(slots=True, eq=False, kw_only=True)
class PendingQuotas:
    """Quotas that wait for the registry to hold them; an empty one is to be forgotten."""

    request_id: int
    quotas: dict[str, Quota]


@dataclass(slots=True, eq=False, kw_only=True)
class PendingMaintenance:
    """Machines that are scheduled, taken down or brought up, and the request that asked.

    Attributes:
        machines: All of them, as they are from then on.
        is_new: Whether the schedule is a new one.
    """

    request_id: int
    machines: Machines
    is_new: bool = False


PendingWrite = (
    PendingAdmission
    | PendingReadmission
    | PendingUnreachable
    | PendingRemoval
    | PendingForgetting
    | PendingWeights
    | PendingQuotas
    | PendingStanding
    | PendingGone
    | PendingMaintenance
)
