"""Quotas as operators see them, in the older form and the newer one."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.allocator import Quota
from tepui.messages import Resource, Value
from tepui.messages.quota import QuotaConfig, QuotaInfo, QuotaStatus
from tepui.resources import Quantities
from tepui.resources.scalars import from_millis


def quota_status(quotas: Mapping[str, Quota]) -> QuotaStatus:
    """Return all quotas, by role."""
    return QuotaStatus(
        infos=[_info(role, quotas[role]) for role in sorted(quotas)],
        configs=quota_configs(quotas),
    )


def quota_configs(quotas: Mapping[str, Quota]) -> list[QuotaConfig]:
    """Return all quotas in the newer form, by role."""
    return [
        QuotaConfig(
            role=role,
            guarantees=_scalars(quotas[role].guarantees),
            limits=_scalars(quotas[role].limits),
        )
        for role in sorted(quotas)
    ]


def _info(role: str, quota: Quota) -> QuotaInfo:
    return QuotaInfo(
        role=role,
        guarantee=[
            Resource(name=name, type=Value.Type.SCALAR, scalar=scalar)
            for name, scalar in _scalars(quota.guarantees).items()
        ],
    )


def _scalars(amounts: Quantities) -> dict[str, Value.Scalar]:
    return {name: Value.Scalar(value=from_millis(amounts[name])) for name in sorted(amounts)}
