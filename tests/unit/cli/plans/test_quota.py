"""What the quota of a role is to be, and what of that a master would refuse."""

from __future__ import annotations

import pytest

from tepui.cli.errors import CommandFailed
from tepui.cli.plans.quota import Facts, RoleQuota, removal, setting
from tepui.messages.master import Call
from tepui.messages.quota import QuotaConfig
from tepui.resources import Quantities

DEV = RoleQuota(
    role="dev", guarantees={"cpus": 2.0}, limits={"cpus": 4.0}, consumed={"cpus": 3.0, "mem": 64.0}
)


def facts(*quotas: RoleQuota, allowed_roles: list[str] | None = None) -> Facts:
    return Facts(
        quotas={quota.role: quota for quota in quotas},
        capacity=Quantities.from_floats({"cpus": 8.0}),
        allowed_roles=allowed_roles,
    )


def sent(call: Call) -> QuotaConfig:
    assert call.update_quota is not None
    (config,) = call.update_quota.quota_configs
    return config


def test_what_is_not_named_stays_as_it_is() -> None:
    change = setting(facts(DEV), "dev", guarantees=None, limits={"cpus": 6.0}, is_forced=False)
    config = sent(change.call)
    assert {name: each.value for name, each in config.guarantees.items()} == {"cpus": 2.0}
    assert {name: each.value for name, each in config.limits.items()} == {"cpus": 6.0}
    assert change.intent == "guarantee role 'dev' cpus:2 and limit it to cpus:6"
    assert change.refusal is None


def test_something_has_to_be_named() -> None:
    with pytest.raises(CommandFailed, match="--guarantee, --limit or both"):
        setting(facts(), "dev", guarantees=None, limits=None, is_forced=False)


def test_a_limit_below_what_is_consumed_needs_force() -> None:
    limits = {"cpus": 2.0}
    change = setting(facts(DEV), "dev", guarantees=None, limits=limits, is_forced=False)
    assert "below the 3 that the role 'dev' consumes" in (change.refusal or "")
    forced = setting(facts(DEV), "dev", guarantees=None, limits=limits, is_forced=True)
    assert forced.refusal is None
    assert forced.call.update_quota is not None
    assert forced.call.update_quota.force is True


def test_guarantees_of_all_roles_together_have_to_be_there() -> None:
    change = setting(facts(DEV), "ops", guarantees={"cpus": 7.0}, limits=None, is_forced=False)
    assert "above the 8 that the registered agents have" in (change.refusal or "")


def test_a_role_that_the_master_does_not_allow_is_refused() -> None:
    known = facts(allowed_roles=["dev"])
    change = setting(known, "ops", guarantees=None, limits={"cpus": 1.0}, is_forced=False)
    assert "is not one of --roles" in (change.refusal or "")


def test_a_quota_that_is_taken_away_is_named_first() -> None:
    change = removal(facts(DEV), "dev")
    assert sent(change.call) == QuotaConfig(role="dev")
    assert change.question == (
        "Role 'dev' is guaranteed cpus:2 and limited to cpus:4: take that away?"
    )


def test_where_there_is_no_quota_none_is_taken_away() -> None:
    using = RoleQuota(role="dev", consumed={"cpus": 1.0})
    with pytest.raises(CommandFailed, match="role 'dev' has no quota"):
        removal(facts(using), "dev")


def test_a_table_has_a_row_for_each_resource() -> None:
    assert DEV.rows() == [("cpus", "2", "4", "3"), ("mem", "-", "-", "64")]
