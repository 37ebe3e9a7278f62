"""Quota of roles: written to the registry first, then in force, with room made by rescinding.

Several writes may be under way. The registry keeps their order and a failed write ends the
master, so that each request is checked against the quotas as they are going to be: those in
force, changed by all that is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from tepui.allocator import Quota
from tepui.allocator.holdings import open_scalars
from tepui.allocator.interface import RoleView
from tepui.master.core import registry
from tepui.master.core.context import Context
from tepui.master.core.effects import Respond
from tepui.master.core.events import (
    QuotaRemovalRequested,
    QuotaSettingRequested,
    QuotaUpdateRequested,
)
from tepui.master.core.model import Offer, State
from tepui.master.core.offers import rescind_offer
from tepui.master.core.pending import PendingQuotas
from tepui.master.validation.problem import Problem
from tepui.master.validation.quota import (
    QuotaContext,
    quota_of_config,
    quota_of_request,
    validate_remove_quota,
    validate_set_quota,
    validate_update_quota,
)
from tepui.resources import Quantities

NO_QUOTA = Quota()
LOGGED_MAX = 10
"""Roles of one request that a line of the log names."""


def on_quota_setting_requested(ctx: Context, event: QuotaSettingRequested) -> None:
    """Check a quota in the older form and write it down."""
    request = event.request
    found = validate_set_quota(request, _context(ctx))
    if found is not None:
        _refuse(ctx, event.request_id, found)
        return
    _store(ctx, event.request_id, {request.role or "": quota_of_request(request)})


def on_quota_update_requested(ctx: Context, event: QuotaUpdateRequested) -> None:
    """Check quotas and write them down, all or none."""
    found = validate_update_quota(event.configs, _context(ctx), is_forced=event.is_forced)
    if found is not None:
        _refuse(ctx, event.request_id, found)
        return
    _store(
        ctx, event.request_id, {config.role: quota_of_config(config) for config in event.configs}
    )


def on_quota_removal_requested(ctx: Context, event: QuotaRemovalRequested) -> None:
    """Forget the quota of a role, once the registry has."""
    found = validate_remove_quota(event.role, _context(ctx)) if event.must_exist else None
    if found is not None:
        _refuse(ctx, event.request_id, found)
        return
    quotas = {event.role: NO_QUOTA} if event.role in expected_quotas(ctx.state) else {}
    _store(ctx, event.request_id, quotas)


def on_quotas_stored(ctx: Context, pending: PendingQuotas) -> None:
    """The registry holds them: share by them from now on."""
    state = ctx.state
    state.quotas = _changed(state.quotas, pending.quotas)
    ctx.allocator.update_quota(pending.quotas)
    _make_room(ctx, pending.quotas)
    ctx.out.append(Respond(request_id=pending.request_id, status=200))
    roles = list(islice(pending.quotas, LOGGED_MAX))
    ctx.log("info", "quota_updated", roles=roles, count=len(pending.quotas))


def recover_quotas(ctx: Context, records: Mapping[str, bytes]) -> None:
    """Begin with the quotas of the registry."""
    state = ctx.state
    state.quotas = registry.load_quotas(records)
    if state.quotas:
        ctx.allocator.update_quota(state.quotas)


def expected_quotas(state: State) -> dict[str, Quota]:
    """Return the quotas as they will be when the registry holds all that it was told."""
    quotas = state.quotas
    for pending in state.pending_writes.values():
        if isinstance(pending, PendingQuotas):
            quotas = _changed(quotas, pending.quotas)
    return quotas


def capacity(state: State) -> Quantities:
    """Return what the registered agents have that may not be taken back, reserved or not."""
    total = Quantities()
    for agent in state.agents.values():
        total = total.plus(agent.total.non_revocable().scalars())
    return total


# -- requests --


def _context(ctx: Context) -> QuotaContext:
    return QuotaContext(
        allowed_roles=ctx.config.roles,
        quotas=expected_quotas(ctx.state),
        capacity=capacity(ctx.state),
        consumed={view.name: view.consumed for view in ctx.allocator.roles()},
    )


def _refuse(ctx: Context, request_id: int, found: Problem) -> None:
    ctx.out.append(Respond(request_id=request_id, status=found.status, text=found.message))


def _store(ctx: Context, request_id: int, quotas: dict[str, Quota]) -> None:
    if not quotas:
        ctx.out.append(Respond(request_id=request_id, status=200))
        return
    registry.put_quotas(ctx, quotas, PendingQuotas(request_id=request_id, quotas=quotas))


def _changed(quotas: Mapping[str, Quota], changes: Mapping[str, Quota]) -> dict[str, Quota]:
    merged = {**quotas, **changes}
    return {role: quota for role, quota in merged.items() if quota != NO_QUOTA}


# -- room --


def _make_room(ctx: Context, changes: Mapping[str, Quota]) -> None:
    """Take offers back that stand in the way of the new quotas."""
    limited = [role for role, quota in changes.items() if quota.limits]
    guaranteed = [role for role, quota in changes.items() if quota.guarantees]
    if not ctx.state.offers or not (limited or guaranteed):
        return
    views = {view.name: view for view in ctx.allocator.roles() if "/" not in view.name}
    offers: dict[str, list[Offer]] = {}
    for offer in ctx.state.offers.values():
        offers.setdefault(_top(offer.role), []).append(offer)
    for role in limited:
        consumed = views[role].consumed if role in views else Quantities()
        _rescind_above_limits(ctx, changes[role].limits, consumed, offers.get(role, []))
    if guaranteed:
        _rescind_for_guarantees(ctx, guaranteed, views)


def _rescind_above_limits(
    ctx: Context, limits: Quantities, consumed: Quantities, offers: list[Offer]
) -> None:
    """Rescind offers of a role and those below, newest first, until all would be within limits."""
    held = consumed
    for offer in offers:
        held = held.plus(open_scalars(offer.resources))
    for offer in reversed(offers):
        excess = [name for name, limit in limits.items() if held.get(name, 0) > limit]
        if not excess:
            return
        part = open_scalars(offer.resources)
        if any(name in part for name in excess):
            held = held.minus(part)
            rescind_offer(ctx, offer)


def _rescind_for_guarantees(
    ctx: Context, roles: Iterable[str], views: Mapping[str, RoleView]
) -> None:
    """Rescind others' offers, agent by agent, until what is free covers all guarantees.

    They come from at least as many agents as there are frameworks that wait, so that each of
    those can be offered something. What an offer holds within its own role's guarantee would
    be owed to that role again, and so gains nothing.
    """
    state = ctx.state
    held = _held(state, views)
    unmet = {
        role: state.quotas[role].guarantees.minus(held.get(role, Quantities())) for role in roles
    }
    lacking = _required(state.quotas, held).minus(_free(state))
    wanted = {name: None for each in unmet.values() for name in each if name in lacking}
    if not wanted:
        return
    lacking = Quantities({name: lacking[name] for name in wanted})
    surplus = {
        role: amount.minus(state.quotas.get(role, NO_QUOTA).guarantees)
        for role, amount in held.items()
    }
    waiting = _active_frameworks(state, [role for role, amount in unmet.items() if amount])
    visited = 0
    for agent in state.agents.values():
        if not lacking and visited >= waiting:
            return
        has_gained = False
        for offer in list(agent.offers.values()):
            top = _top(offer.role)
            part = open_scalars(offer.resources)
            spare = surplus[top]
            gain = Quantities({name: min(part.get(name, 0), spare.get(name, 0)) for name in wanted})
            if any(gain.values()):
                surplus[top] = spare.minus(part)
                lacking = lacking.minus(gain)
                rescind_offer(ctx, offer)
                has_gained = True
        visited += has_gained


def _held(state: State, views: Mapping[str, RoleView]) -> dict[str, Quantities]:
    """Return what each top-level role consumes and is offered."""
    held = {role: view.consumed for role, view in views.items()}
    for offer in state.offers.values():
        top = _top(offer.role)
        held[top] = held.get(top, Quantities()).plus(open_scalars(offer.resources))
    return held


def _required(quotas: Mapping[str, Quota], held: Mapping[str, Quantities]) -> Quantities:
    """Return what has to stay free for guarantees."""
    total = Quantities()
    for role, quota in quotas.items():
        if "/" not in role:
            total = total.plus(quota.guarantees.minus(held.get(role, Quantities())))
    return total


def _free(state: State) -> Quantities:
    """Return what could be offered to anybody now."""
    free = Quantities()
    for agent in state.agents.values():
        if not agent.is_active or not agent.is_connected:
            continue
        taken = Quantities()
        for used in agent.used.values():
            taken = taken.plus(open_scalars(used))
        for offer in agent.offers.values():
            taken = taken.plus(open_scalars(offer.resources))
        free = free.plus(open_scalars(agent.total).minus(taken))
    return free


def _active_frameworks(state: State, roles: Iterable[str]) -> int:
    """Return how many frameworks take offers in one of ``roles``, or below it."""
    wanted = dict.fromkeys(roles)
    return sum(
        framework.is_active and any(_top(role) in wanted for role in framework.roles)
        for framework in state.frameworks.values()
    )


def _top(role: str) -> str:
    return role.partition("/")[0]
