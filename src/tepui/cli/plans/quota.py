"""What the quota of a role is to be, beside what it is and what the role consumes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tepui.cli.amounts import format_amounts
from tepui.cli.changing import Change
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.cli.typed import typed
from tepui.master.validation.quota import QuotaContext, quota_of_config, validate_update_quota
from tepui.messages import Value
from tepui.messages.master import Call, Response
from tepui.messages.quota import QuotaConfig
from tepui.resources import Quantities, Resources
from tepui.sdk.operator import OperatorClient


class RoleQuota(msgspec.Struct, frozen=True, kw_only=True):
    """A role with its quota and what counts towards that now."""

    role: str
    guarantees: dict[str, float] = {}
    limits: dict[str, float] = {}
    consumed: dict[str, float] = {}

    @property
    def has_any(self) -> bool:
        """Whether anything is guaranteed or limited."""
        return bool(self.guarantees or self.limits)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return resource, guarantee, limit and consumption for each resource that has one."""
        names = dict.fromkeys([*self.guarantees, *self.limits, *self.consumed])
        return [
            (
                name,
                _cell(self.guarantees, name),
                _cell(self.limits, name),
                _cell(self.consumed, name),
            )
            for name in names
        ]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the check of a quota depends on, as a master tells it."""

    quotas: dict[str, RoleQuota]
    capacity: Quantities
    allowed_roles: Sequence[str] | None


async def list_quotas(operator: OperatorClient) -> dict[str, RoleQuota]:
    """Return all roles that have quota or use something, by name."""
    configs = {config.role: config for config in (await operator.get_quota()).configs}
    consumed = await _consumption(operator)
    return {
        role: _role_quota(configs.get(role) or QuotaConfig(role=role), consumed.get(role, {}))
        for role in sorted({*configs, *consumed})
    }


async def read_facts(operator: OperatorClient) -> Facts:
    """Ask a master for all that quota depends on."""
    return Facts(
        quotas=await list_quotas(operator),
        capacity=_capacity(await operator.get_agents()),
        allowed_roles=await allowed_roles(operator),
    )


async def allowed_roles(operator: OperatorClient) -> Sequence[str] | None:
    """Return the only roles that a master allows, if its ``--roles`` names some."""
    for flag in await operator.get_flags():
        if flag.name == "roles" and flag.value:
            return [role.strip() for role in flag.value.split(",")]
    return None


def setting(
    facts: Facts,
    role: str,
    *,
    guarantees: dict[str, float] | None,
    limits: dict[str, float] | None,
    is_forced: bool,
) -> Change:
    """Return the change that gives a role quota; what is None stays as it is.

    Raises:
        CommandFailed: Neither is given.
    """
    if guarantees is None and limits is None:
        raise CommandFailed("--guarantee, --limit or both are needed", EX_USAGE)
    now = facts.quotas.get(role) or RoleQuota(role=role)
    wanted = RoleQuota(
        role=role,
        guarantees=now.guarantees if guarantees is None else guarantees,
        limits=now.limits if limits is None else limits,
    )
    intent = (
        f"guarantee role {role!r} {format_amounts(wanted.guarantees)}"
        f" and limit it to {format_amounts(wanted.limits)}"
    )
    return _change(facts, wanted, intent=intent, is_forced=is_forced)


def removal(facts: Facts, role: str) -> Change:
    """Return the change that takes the quota of a role away.

    Raises:
        CommandFailed: It has none.
    """
    now = facts.quotas.get(role)
    if now is None or not now.has_any:
        raise CommandFailed(f"role {role!r} has no quota")
    question = (
        f"Role {role!r} is guaranteed {format_amounts(now.guarantees)} and limited to"
        f" {format_amounts(now.limits)}: take that away?"
    )
    return _change(
        facts,
        RoleQuota(role=role),
        intent=f"take the quota of role {role!r} away",
        is_forced=False,
        question=question,
    )


def _change(
    facts: Facts, wanted: RoleQuota, *, intent: str, is_forced: bool, question: str | None = None
) -> Change:
    config = _config(wanted)
    update = Call.UpdateQuota(force=is_forced or None, quota_configs=[config])
    context = QuotaContext(
        allowed_roles=facts.allowed_roles,
        quotas={
            role: quota_of_config(_config(quota))
            for role, quota in facts.quotas.items()
            if quota.has_any
        },
        capacity=facts.capacity,
        consumed={
            role: Quantities.from_floats(quota.consumed) for role, quota in facts.quotas.items()
        },
    )
    found = validate_update_quota([config], context, is_forced=is_forced)
    return Change(
        call=Call(type=Call.Type.UPDATE_QUOTA, update_quota=update),
        intent=intent,
        refusal=None if found is None else found.message,
        question=question,
    )


class _Consumption(msgspec.Struct, frozen=True):
    consumed: dict[str, float | str] = {}


class _Role(msgspec.Struct, frozen=True):
    name: str
    quota: _Consumption = _Consumption()


class _Roles(msgspec.Struct, frozen=True):
    roles: list[_Role] = []


async def _consumption(operator: OperatorClient) -> dict[str, dict[str, float]]:
    """Return what counts towards the quota of each role that is in use: only /roles tells."""
    return {
        role.name: {
            name: amount
            for name, amount in role.quota.consumed.items()
            if not isinstance(amount, str)
        }
        for role in typed(await operator.get_json("/roles"), _Roles).roles
    }


def _capacity(found: Response.GetAgents) -> Quantities:
    total = Quantities()
    for agent in found.agents:
        whole = Resources.from_messages(agent.total_resources)
        total = total.plus(whole.non_revocable().scalars())
    return total


def _role_quota(config: QuotaConfig, consumed: dict[str, float]) -> RoleQuota:
    return RoleQuota(
        role=config.role,
        guarantees={name: scalar.value for name, scalar in config.guarantees.items()},
        limits={name: scalar.value for name, scalar in config.limits.items()},
        consumed=consumed,
    )


def _config(quota: RoleQuota) -> QuotaConfig:
    return QuotaConfig(
        role=quota.role,
        guarantees={name: Value.Scalar(value=value) for name, value in quota.guarantees.items()},
        limits={name: Value.Scalar(value=value) for name, value in quota.limits.items()},
    )


def _cell(amounts: dict[str, float], name: str) -> str:
    return f"{amounts[name]:.3f}".rstrip("0").rstrip(".") if name in amounts else "-"
