"""One event's way through the core: what it may read and what it leaves behind."""

from __future__ import annotations

import msgspec

from tepui.agent.core.effects import Checkpoint, Log, Out, SendToMaster
from tepui.agent.core.model import AgentState, Model
from tepui.agent.core.records import Record
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.link.messages import ToMaster


class Step(msgspec.Struct, kw_only=True):
    """The model, the time, chance, and the effects so far.

    Attributes:
        looks_for_room: Before the step is over, launches that wait are to be looked at.
    """

    model: Model
    now: Instant
    rng: Rng
    out: Out = []
    puts: dict[str, Record] = {}
    deletes: dict[str, None] = {}
    looks_for_room: bool = False

    def put(self, key: str, record: Record) -> None:
        """Store ``record`` under ``key``."""
        self.deletes.pop(key, None)
        self.puts[key] = record

    def delete(self, key: str) -> None:
        """Forget what is stored under ``key``."""
        self.puts.pop(key, None)
        self.deletes[key] = None

    def send(self, message: ToMaster) -> None:
        """Tell the master, unless it does not know this agent at the moment."""
        if self.model.state is AgentState.RUNNING:
            self.out.append(SendToMaster(message=message))

    def log(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Tell the operator."""
        self.out.append(Log(event=event, level=level, fields=fields))

    def finish(self) -> Out:
        """Return the effects, what is to be stored first."""
        if self.puts or self.deletes:
            self.out.insert(0, Checkpoint(puts=self.puts, deletes=list(self.deletes)))
        return self.out
