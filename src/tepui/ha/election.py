"""Who leads: the protocol of elections, and the lease that says for how long.

A leader that is cut off cannot be told that its time is over. So it leads by its own clock:
only until its `Lease` ends, which is always before anybody else can be elected.
"""

from __future__ import annotations

import math
from typing import Protocol

from tepui.messages import MasterInfo

NEVER = -math.inf


class Lease:
    """Until when a leader may lead.

    Attributes:
        until: By the monotonic clock; infinite for a master that nobody can succeed.
    """

    __slots__ = ("until",)

    def __init__(self, until: float = math.inf) -> None:
        self.until = until


class ElectionRefused(Exception):
    """The election cannot be taken part in, and trying again would not help."""


class Election(Protocol):
    """One candidate's part in an election.

    Attributes:
        lease: Until when this candidate leads; its end lies before another's beginning.
    """

    lease: Lease

    async def contend(self, candidate: MasterInfo) -> None:
        """Return when ``candidate`` has been elected.

        Raises:
            ElectionRefused: It cannot take part.
        """

    async def hold(self) -> str:
        """Renew the lease for as long as that is possible; then return why it is not."""
