"""Calls about weights of roles."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.codec.assembly import Assembler, Parts
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.master.core.events import WeightsUpdateRequested
from tepui.messages import WeightInfo
from tepui.messages.master import Call, Response

Type = Response.Type


def get_weights(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_WEIGHTS: those that somebody set."""
    del call
    weights = context.state.weights
    infos = [WeightInfo(role=role, weight=weight) for role, weight in weights.items()]
    answer = Response(type=Type.GET_WEIGHTS, get_weights=Response.GetWeights(weight_infos=infos))
    return [assembler.encode(answer)]


def update_weights(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do UPDATE_WEIGHTS, and answer when the registry holds them."""
    del assembler
    assert call.update_weights is not None
    weights = tuple(call.update_weights.weight_infos)
    return context.driver.ask(
        lambda number: WeightsUpdateRequested(request_id=number, weights=weights)
    )
