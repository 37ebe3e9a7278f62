"""What a quota may say, beyond the rules of the table: bounds, and both forms in one."""

from __future__ import annotations

from tepui.allocator import Quota
from tepui.master.validation.quota import (
    CONFIGS_MAX,
    RESOURCES_MAX,
    QuotaContext,
    quota_of_config,
    quota_of_request,
    validate_set_quota,
    validate_update_quota,
)
from tepui.messages import Resource, Value
from tepui.messages.quota import QuotaConfig, QuotaRequest
from tepui.resources import Quantities

EMPTY_CLUSTER = QuotaContext(allowed_roles=None, quotas={}, capacity=Quantities(), consumed={})


def scalar(name: str, value: float) -> Resource:
    return Resource(name=name, type=Value.Type.SCALAR, scalar=Value.Scalar(value=value))


def test_the_older_form_limits_to_what_it_guarantees() -> None:
    request = QuotaRequest(role="red", guarantee=[scalar("cpus", 1.5), scalar("mem", 0)])
    assert quota_of_request(request) == Quota(
        guarantees=Quantities(cpus=1500), limits=Quantities(cpus=1500, mem=0)
    )


def test_the_newer_form_keeps_a_limit_of_nothing_and_drops_such_a_guarantee() -> None:
    config = QuotaConfig(
        role="red",
        guarantees={"cpus": Value.Scalar(value=0.0)},
        limits={"gpus": Value.Scalar(value=0.0)},
    )
    assert quota_of_config(config) == Quota(limits=Quantities(gpus=0))


def test_a_quota_names_only_so_many_resources() -> None:
    names = [f"r{index}" for index in range(RESOURCES_MAX + 1)]
    limits = {name: Value.Scalar(value=1.0) for name in names}

    def update(kept: int) -> object:
        some = {name: limits[name] for name in names[:kept]}
        config = QuotaConfig(role="red", limits=some)
        return validate_update_quota([config], EMPTY_CLUSTER, is_forced=False)

    assert update(RESOURCES_MAX) is None
    assert "more than" in str(update(RESOURCES_MAX + 1))
    request = QuotaRequest(role="red", force=True, guarantee=[scalar(name, 1) for name in names])
    found = validate_set_quota(request, EMPTY_CLUSTER)
    assert found is not None
    assert found.rule == "operator.set_quota.kind"


def test_one_call_names_only_so_many_roles() -> None:
    configs = [QuotaConfig(role="red")] * CONFIGS_MAX
    assert validate_update_quota(configs, EMPTY_CLUSTER, is_forced=False) is None
    found = validate_update_quota([*configs, configs[0]], EMPTY_CLUSTER, is_forced=False)
    assert found is not None
    assert found.field == "quota_configs"


def test_a_refusal_names_role_resource_and_amounts() -> None:
    context = QuotaContext(
        allowed_roles=None,
        quotas={"blue": Quota(guarantees=Quantities(cpus=2000))},
        capacity=Quantities(cpus=4000),
        consumed={"red": Quantities(cpus=3500)},
    )
    wanted = {"cpus": Value.Scalar(value=3)}
    [limited, guaranteed] = [
        QuotaConfig(role="red", limits=wanted),
        QuotaConfig(role="red", guarantees=wanted),
    ]
    found = validate_update_quota([limited], context, is_forced=False)
    assert found is not None
    assert all(each in found.message for each in ("'red'", "'cpus'", "3.5", "'3'"))
    found = validate_update_quota([guaranteed], context, is_forced=False)
    assert found is not None
    assert all(each in found.message for each in ("'cpus'", "'5'", "4"))
