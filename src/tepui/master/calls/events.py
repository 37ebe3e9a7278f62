"""The call that goes on: events about all that happens in the cluster."""

from __future__ import annotations

from tepui.codec.assembly import Assembler
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.messages.master import Call


def subscribe(call: Call, context: CallContext, assembler: Assembler) -> Answer:
    """Answer SUBSCRIBE with a snapshot, heartbeats and an event for each change."""
    del call
    return context.driver.subscribe_operator(assembler.media_type)
