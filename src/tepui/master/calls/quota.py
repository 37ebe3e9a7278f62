"""Calls about the quota of roles."""

from __future__ import annotations

from collections.abc import Awaitable

from tepui.codec.assembly import Assembler, Parts
from tepui.http.messages import Answer
from tepui.master.call_context import CallContext
from tepui.master.core.events import (
    QuotaRemovalRequested,
    QuotaSettingRequested,
    QuotaUpdateRequested,
)
from tepui.master.core.views_quota import quota_status
from tepui.messages.master import Call, Response

Type = Response.Type


def get_quota(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer GET_QUOTA: of the roles that have some."""
    del call
    quota = Response.GetQuota(status=quota_status(context.state.quotas))
    return [assembler.encode(Response(type=Type.GET_QUOTA, get_quota=quota))]


def set_quota(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do SET_QUOTA, and answer when the registry holds it."""
    del assembler
    assert call.set_quota is not None
    request = call.set_quota.quota_request
    return context.driver.ask(
        lambda number: QuotaSettingRequested(request_id=number, request=request)
    )


def update_quota(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do UPDATE_QUOTA, and answer when the registry holds all of it."""
    del assembler
    assert call.update_quota is not None
    wanted = call.update_quota
    return context.driver.ask(
        lambda number: QuotaUpdateRequested(
            request_id=number,
            configs=tuple(wanted.quota_configs),
            is_forced=bool(wanted.force),
        )
    )


def remove_quota(call: Call, context: CallContext, assembler: Assembler) -> Awaitable[Answer]:
    """Do REMOVE_QUOTA; removing what is not there is done already."""
    del assembler
    assert call.remove_quota is not None
    role = call.remove_quota.role
    return context.driver.ask(lambda number: QuotaRemovalRequested(request_id=number, role=role))
