"""Calls that change frameworks."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.codec.assembly import Assembler
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.master.core.events import FrameworkTeardownRequested
from tepui.messages.master import Call


def teardown(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do TEARDOWN."""
    del assembler
    assert call.teardown is not None
    framework_id = call.teardown.framework_id.value
    return context.driver.ask(
        lambda number: FrameworkTeardownRequested(request_id=number, framework_id=framework_id)
    )
