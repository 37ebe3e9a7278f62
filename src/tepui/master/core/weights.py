"""Weights of roles: written to the registry first, then in force, with new offers for all."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from tepui.master.core import registry
from tepui.master.core.context import Context
from tepui.master.core.effects import Respond
from tepui.master.core.events import WeightsUpdateRequested
from tepui.master.core.model import State
from tepui.master.core.offers import rescind_offer
from tepui.master.core.pending import PendingWeights
from tepui.master.validation.weights import validate_weights
from tepui.resources.roles import lineage

LOGGED_MAX = 10
"""Weights of one request that a line of the log tells."""


def on_weights_update_requested(ctx: Context, event: WeightsUpdateRequested) -> None:
    """Check new weights and write them down; whoever asked hears when they are in force."""
    found = validate_weights(event.weights, ctx.config.roles)
    if found is not None:
        ctx.out.append(
            Respond(request_id=event.request_id, status=found.status, text=found.message)
        )
        return
    changed = {each.role or "": each.weight for each in event.weights}
    if not changed:
        ctx.out.append(Respond(request_id=event.request_id, status=200))
        return
    stored = changed
    if not ctx.state.are_weights_stored:
        # From now on the registry counts and --weights does not: it takes over what that says.
        ctx.state.are_weights_stored = True
        stored = {**ctx.state.weights, **changed}
    pending = PendingWeights(request_id=event.request_id, weights=changed)
    registry.put_weights(ctx, stored, pending)


def on_weights_stored(ctx: Context, pending: PendingWeights) -> None:
    """The registry holds them: divide by them from now on."""
    state = ctx.state
    state.weights.update(pending.weights)
    ctx.allocator.update_weights(pending.weights)
    if _is_any_used(state, pending.weights):
        for offer in list(state.offers.values()):
            rescind_offer(ctx, offer)
    ctx.out.append(Respond(request_id=pending.request_id, status=200))
    weights = dict(islice(pending.weights.items(), LOGGED_MAX))
    ctx.log("info", "weights_updated", weights=weights, count=len(pending.weights))


def recover_weights(ctx: Context, stored: dict[str, float]) -> None:
    """Begin with the weights of the registry, if it has any, and else with ``--weights``."""
    state = ctx.state
    flagged = dict(ctx.config.allocator.weights)
    if not stored:
        state.weights = flagged
        return
    state.weights = stored
    state.are_weights_stored = True
    if any(stored.get(role) != weight for role, weight in flagged.items()):
        ctx.log("warning", "weights_flag_passed_over", reason="the registry has weights")
    ctx.allocator.update_weights({**dict.fromkeys(flagged, 1.0), **stored})


def _is_any_used(state: State, roles: Iterable[str]) -> bool:
    """Whether a framework is in one of ``roles``, or below it and so shares by its weight."""
    used = {
        role: None
        for framework in state.frameworks.values()
        for subscribed in framework.roles
        for role in lineage(subscribed)
    }
    return any(role in used for role in roles)
