"""What the handlers of operator calls are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from tepui.allocator import Allocator
from tepui.codec.assembly import Assembler, Parts
from tepui.http import calls
from tepui.http.files import Files
from tepui.http.messages import Answer, Response
from tepui.master.core.events import AnyEvent, OperationRequested
from tepui.master.core.model import State
from tepui.messages import Offer, VersionInfo
from tepui.messages.master import Call
from tepui.telemetry.logs import Verbosity


class Driver(Protocol):
    """Who brings to the core what changes something, and writes what goes on and on."""

    async def ask(self, make: Callable[[int], AnyEvent]) -> Response:
        """Hand over the event that ``make`` makes of the request's number; return the answer."""

    def subscribe_operator(self, media_type: str) -> Answer:
        """Return the stream of events that begins with all there is now."""


class CallContext(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to read and to change.

    Attributes:
        driver: Takes what changes something.
        verbosity: How much is logged.
        flags: Names and values as Mesos shows them.
        metrics: Computes all metrics.
    """

    state: State
    allocator: Allocator
    files: Files
    version: VersionInfo
    flags: Mapping[str, str]
    metrics: Callable[[], Mapping[str, float]]
    driver: Driver
    verbosity: Verbosity

    def operate(self, agent_id: str, operation: Offer.Operation) -> Awaitable[Response]:
        """Have an operator's operation done on an agent; return the answer to it."""
        return self.driver.ask(
            lambda number: OperationRequested(
                request_id=number, agent_id=agent_id, operation=operation
            )
        )


Handler = Callable[[Call, CallContext, Assembler], Parts | Answer | Awaitable[Answer]]
"""Returns the body of what a READ answers; a WRITE and a STREAM return the whole answer."""

OperatorCall = calls.OperatorCall[Handler]
