"""Every rule of the table is triggered here, or named with the place or the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.allocator import Quota
from tepui.codec import json as json_codec
from tepui.codec.errors import DecodeError
from tepui.master.validation.agents import AgentRules, check_same_address, validate_agent_info
from tepui.master.validation.calls import (
    Session,
    check_stream_on_subscribe,
    validate_call,
    validate_session,
)
from tepui.master.validation.checks import validate_check, validate_health_check
from tepui.master.validation.completion import complete_group, complete_task
from tepui.master.validation.containers import validate_container, validate_environment
from tepui.master.validation.executors import validate_executor
from tepui.master.validation.frameworks import (
    FrameworkRules,
    validate_framework_info,
    validate_framework_update,
    validate_resubscription,
    validate_roles_subscribed,
)
from tepui.master.validation.groups import validate_task_group
from tepui.master.validation.identifiers import validate_id, validate_role
from tepui.master.validation.maintenance import (
    machine_key,
    validate_inverse_offer_ids,
    validate_machines_down,
    validate_machines_up,
    validate_schedule,
)
from tepui.master.validation.offers import validate_offer_ids, validate_operation
from tepui.master.validation.problem import Problem
from tepui.master.validation.quota import (
    QuotaContext,
    validate_remove_quota,
    validate_set_quota,
    validate_update_quota,
)
from tepui.master.validation.resources import validate_resources
from tepui.master.validation.tasks import LaunchContext, validate_task
from tepui.master.validation.weights import validate_weights
from tepui.messages import (
    AgentInfo,
    CheckInfo,
    ContainerInfo,
    Environment,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    HealthCheck,
    MachineID,
    MachineInfo,
    Offer,
    OfferID,
    Resource,
    TaskInfo,
    WeightInfo,
)
from tepui.messages.maintenance import Schedule
from tepui.messages.quota import QuotaConfig, QuotaRequest
from tepui.messages.scheduler import Call, OfferConstraints
from tepui.resources import Quantities, parse_resources

ROOT = Path(__file__).parents[4]
DATA = ROOT / "tests" / "data" / "mesos"

Row = dict[str, Any]

RULES: list[Row] = json.loads((DATA / "validation-rules.json").read_text())
CASES: list[Row] = json.loads((DATA / "validation-cases.json").read_text())
OPERATION_CASES: list[Row] = json.loads((DATA / "operation-cases.json").read_text())

# What the master does about a valid call or message; tested where it is decided.
CORE_TESTS = "tests/unit/master/core"
OPERATIONS = f"{CORE_TESTS}/test_operator_operations.py"
CORE = {
    "framework.update.allowed": f"{CORE_TESTS}/test_subscription.py"
    "::test_an_update_changes_roles_and_rescinds_what_was_offered_for_those_left",
    "accept.empty_launch": f"{CORE_TESTS}/test_acceptance.py"
    "::test_an_accept_without_operations_counts_as_decline",
    "accept.unused": f"{CORE_TESTS}/test_acceptance.py"
    "::test_several_tasks_share_an_offer_and_the_rest_returns",
    # Offers go with their agent, so that no ACCEPT can come too late for anything else.
    "accept.agent_gone": f"{CORE_TESTS}/test_offers.py::test_offers_of_a_lost_agent_are_rescinded",
    "accept.agent_disconnected": f"{CORE_TESTS}/test_offers.py"
    "::test_offers_of_a_lost_agent_are_rescinded",
    "accept.op.unknown": f"{CORE_TESTS}/test_acceptance.py"
    "::test_an_operation_of_unknown_type_is_passed_over",
    "accept.op.no_id_failure": f"{CORE_TESTS}/test_acceptance.py"
    "::test_operations_on_reservations_are_refused_with_feedback_if_asked_for",
    "decline.unknown": f"{CORE_TESTS}/test_acceptance.py"
    "::test_declining_what_does_not_exist_does_nothing",
    "decline.filters": f"{CORE_TESTS}/test_acceptance.py"
    "::test_declined_resources_are_held_back_for_as_long_as_asked",
    "kill.unknown": f"{CORE_TESTS}/test_calls.py"
    "::test_a_kill_of_an_unknown_task_is_answered_as_a_reconciliation",
    "kill.agent": f"{CORE_TESTS}/test_calls.py::test_a_kill_that_names_another_agent_is_ignored",
    "kill.disconnected": f"{CORE_TESTS}/test_calls.py"
    "::test_a_kill_is_repeated_when_a_lost_agent_returns",
    "ack.agent": f"{CORE_TESTS}/test_updates.py"
    "::test_an_acknowledgement_of_nothing_is_counted_and_dropped",
    "ack.no_update": f"{CORE_TESTS}/test_updates.py"
    "::test_an_acknowledgement_of_nothing_is_counted_and_dropped",
    "ack.terminal": f"{CORE_TESTS}/test_updates.py"
    "::test_a_task_goes_from_offer_to_acknowledged_end",
    "ackop.unknown": f"{CORE_TESTS}/test_calls.py"
    "::test_calls_about_what_does_not_exist_yet_are_accepted",
    "message.agent": f"{CORE_TESTS}/test_calls.py::test_messages_go_both_ways",
    "shutdown.agent": f"{CORE_TESTS}/test_calls.py"
    "::test_shutdown_goes_to_the_agent_and_an_unknown_agent_is_passed_over",
    "reconcile.recovering": f"{CORE_TESTS}/test_reconcile.py"
    "::test_while_agents_may_still_come_back_there_is_no_answer",
    "request": f"{CORE_TESTS}/test_calls.py::test_calls_about_what_does_not_exist_yet_are_accepted",
    "operator.teardown.unknown": f"{CORE_TESTS}/test_calls.py"
    "::test_an_operator_tears_a_framework_down",
    "operator.weights.rescind": f"{CORE_TESTS}/test_weights.py"
    "::test_a_weight_of_a_role_with_frameworks_takes_all_offers_back",
    "operator.update_quota.rescind": f"{CORE_TESTS}/test_quota.py"
    "::test_offers_beyond_a_new_limit_are_taken_back",
    "operator.update_quota.atomic": f"{CORE_TESTS}/test_quota.py"
    "::test_quotas_of_one_update_come_together_or_not_at_all",
    "operator.drain.maintenance": f"{CORE_TESTS}/test_draining.py"
    "::test_an_agent_in_maintenance_is_not_drained",
    "operator.drain.capability": f"{CORE_TESTS}/test_draining.py"
    "::test_an_agent_that_cannot_drain_is_not_drained",
    "operator.drain.unknown": f"{CORE_TESTS}/test_draining.py"
    "::test_agents_that_nobody_knows_cannot_be_drained_or_deactivated",
    "operator.drain.marking_gone": f"{CORE_TESTS}/test_draining.py"
    "::test_nobody_changes_an_agent_while_the_registry_is_told_of_it",
    "operator.deactivate.unknown": f"{CORE_TESTS}/test_draining.py"
    "::test_agents_that_nobody_knows_cannot_be_drained_or_deactivated",
    "operator.reactivate.not_deactivated": f"{CORE_TESTS}/test_draining.py"
    "::test_what_is_not_deactivated_cannot_be_reactivated",
    "operator.reactivate.draining": f"{CORE_TESTS}/test_draining.py"
    "::test_what_is_draining_cannot_be_reactivated",
    "operator.reactivate.removed": f"{CORE_TESTS}/test_draining.py"
    "::test_nobody_changes_an_agent_while_the_registry_is_told_of_it",
    "operator.gone.already": f"{CORE_TESTS}/test_gone.py::test_what_is_gone_may_be_given_up_again",
    "operator.gone.in_progress": f"{CORE_TESTS}/test_gone.py"
    "::test_while_something_else_is_stored_an_agent_cannot_be_given_up",
    "operator.gone.unknown": f"{CORE_TESTS}/test_gone.py"
    "::test_nobody_gives_up_an_agent_that_is_not_there",
    "operator.call.payload": "tests/unit/http/test_calls.py::test_what_is_no_call_is_refused",
    "operator.call.reserve_resources": f"{OPERATIONS}"
    "::test_what_breaks_a_rule_is_refused_by_name_and_value",
    "op.operator.agent": f"{OPERATIONS}::test_nothing_is_done_on_an_agent_that_is_not_there",
    "op.operator.conflict": f"{OPERATIONS}::test_what_is_not_there_conflicts",
    "op.operator.grow_agent": "tests/unit/master/validation/test_operations.py"
    "::test_a_volume_is_resized_on_an_agent_that_is_named",
    "op.destroy.offers": f"{OPERATIONS}"
    "::test_a_shared_volume_is_taken_from_all_whom_it_is_offered_to",
    "op.contained": f"{CORE_TESTS}/test_accepted_operations.py"
    "::test_what_cannot_be_done_is_an_error_and_later_operations_go_on",
    "accept.order": f"{CORE_TESTS}/test_accepted_operations.py"
    "::test_each_operation_works_on_what_the_one_before_left",
    "agent.gone": f"{CORE_TESTS}/test_gone.py::test_what_is_gone_never_returns",
    "agent.machine_down": f"{CORE_TESTS}/test_maintenance.py"
    "::test_no_agent_gets_in_while_its_machine_is_down",
    "agent.same_address": f"{CORE_TESTS}/test_admission.py"
    "::test_a_new_agent_at_the_address_of_another_replaces_it",
}

LATER = {
    "accept.authz.*": "there is no authorizer yet",
    "agent.authz": "there is no authorizer yet",
    "agent.auth": "agents cannot authenticate yet",
    "framework.unauthorized": "there is no authorizer yet",
    "framework.principal.default": "nobody can authenticate yet",
    "framework.v0.authentication": "frameworks on the driver of version 0 cannot connect",
    "sched.v0.unsupported": "frameworks on the driver of version 0 cannot connect",
    "accept.op.id_v0": "frameworks on the driver of version 0 cannot connect",
    "task.executor_share_cgroups": "a default of true hides whether a client said so",
    "group.executor_share_cgroups": "a default of true hides whether a client said so",
}


def test_every_rule_has_a_case_a_place_or_a_reason() -> None:
    covered = dict.fromkeys(case["rule"] for case in CASES + OPERATION_CASES) | CORE
    missing = [
        rule["id"]
        for rule in RULES
        if rule["id"] not in covered and not any(fnmatch(rule["id"], name) for name in LATER)
    ]
    assert missing == []


def test_no_case_or_reason_is_about_a_rule_that_does_not_exist() -> None:
    known = [rule["id"] for rule in RULES]
    assert [x["rule"] for x in CASES + OPERATION_CASES if x["rule"] not in known] == []
    assert [name for name in CORE if name not in known] == []
    assert [name for name in LATER if not any(fnmatch(each, name) for each in known)] == []


@pytest.mark.parametrize(("rule", "place"), CORE.items())
def test_the_place_named_for_a_rule_exists(rule: str, place: str) -> None:
    path, _, name = place.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rule']}: {case['kind']}")
def test_a_broken_rule_is_reported_with_its_outcome(case: Row) -> None:
    found = RUNNERS[case["kind"]](case)
    if case.get("ignored"):
        assert found is None
        return
    assert found is not None, "nobody objected"
    expected = case.get("says", case["rule"])
    family = expected.partition(".")[0]
    # Names and resources are checked below us, where rules have words but no names.
    assert found.rule in (expected, family) or found.cause == expected
    if "cause" in case:
        assert found.cause == case["cause"]
    assert found.status == case.get("status", 400)
    assert found.message


# --- how each kind of case is run --------------------------------------------------------------


def merge(base: Row, patch: Row) -> Row:
    """Replace fields of ``base``; a field that becomes None is taken out."""
    return {name: value for name, value in (base | patch).items() if value is not None}


def allocated(text: str) -> Any:
    resources = parse_resources(text).allocated_to("*")
    return [json_codec.to_builtins(each) for each in resources.to_messages()]


TASK: Row = {
    "name": "task",
    "task_id": {"value": "t-1"},
    "agent_id": {"value": "a-1"},
    "resources": allocated("cpus:1;mem:64"),
    "command": {"value": "true"},
}
EXECUTOR: Row = {
    "executor_id": {"value": "e-1"},
    "framework_id": {"value": "f-1"},
    "command": {"value": "run"},
    "resources": allocated("cpus:0.1;mem:32;disk:32"),
}
GROUP_EXECUTOR = merge(EXECUTOR, {"type": "DEFAULT", "command": None})
FRAMEWORK: Row = {"user": "nobody", "name": "framework"}
AGENT: Row = {"hostname": "host-1", "id": {"value": "a-1"}}
OFFERED = parse_resources("cpus:4;mem:1024;disk:1024;ports:[1-9]").allocated_to("*")


def executor(**changes: Any) -> ExecutorInfo:
    return json_codec.from_builtins(ExecutorInfo, merge(EXECUTOR, changes))


def launch_context(case: Row) -> LaunchContext:
    return LaunchContext(
        framework_id="f-1",
        agent_id="a-1",
        agent_capabilities=case.get("capabilities", ()),
        task_ids={"taken"},
        unreachable_task_ids={"unreachable"},
        executors={"running": executor(executor_id={"value": "running"})},
        share_cgroups=case.get("share_cgroups", {}),
    )


def run_undecodable(case: Row) -> Problem | None:
    with pytest.raises(DecodeError):
        json_codec.from_builtins(Call, case["given"])
    return Problem(rule=case["rule"], field="", value="", message="the decoder refused it")


def run_call(case: Row) -> Problem | None:
    call = json_codec.from_builtins(Call, case["given"])
    return validate_call(call, case.get("principal"))


def run_subscribe_stream(case: Row) -> Problem | None:
    return check_stream_on_subscribe(case["stream_id"])


def run_session(case: Row) -> Problem | None:
    given = case.get("given")
    return validate_session(
        Call(type=Call.Type.TEARDOWN, framework_id=FrameworkID(value="f-1")),
        None if given is None else Session(**given),
        principal=case.get("principal"),
        stream_id=case.get("stream_id"),
    )


def run_framework(case: Row) -> Problem | None:
    constraints = case.get("offer_constraints")
    return validate_framework_info(
        json_codec.from_builtins(FrameworkInfo, merge(FRAMEWORK, case["given"])),
        FrameworkRules(
            roles=case.get("roles"), root_submissions=case.get("root_submissions", True)
        ),
        suppressed_roles=case.get("suppressed_roles", ()),
        offer_constraints=(
            None if constraints is None else json_codec.from_builtins(OfferConstraints, constraints)
        ),
        is_completed=case.get("is_completed", False),
    )


def run_framework_update(case: Row) -> Problem | None:
    return validate_framework_update(
        json_codec.from_builtins(FrameworkInfo, FRAMEWORK),
        json_codec.from_builtins(FrameworkInfo, merge(FRAMEWORK, case["given"])),
    )


def run_resubscription(case: Row) -> Problem | None:
    return validate_resubscription(
        json_codec.from_builtins(FrameworkInfo, FRAMEWORK),
        json_codec.from_builtins(FrameworkInfo, merge(FRAMEWORK, case["given"])),
    )


def run_roles(case: Row) -> Problem | None:
    info = json_codec.from_builtins(FrameworkInfo, FRAMEWORK)
    return validate_roles_subscribed(case["rule"], case["given"], info)


class Remembered(msgspec.Struct):
    offer_id: str
    framework_id: str = "f-1"
    agent_id: str = "a-1"
    role: str = "*"


OFFERS = {
    offer.offer_id: offer
    for offer in (
        Remembered("o-1"),
        Remembered("o-other-framework", framework_id="f-2"),
        Remembered("o-other-role", role="dev"),
        Remembered("o-other-agent", agent_id="a-2"),
    )
}


def run_offers(case: Row) -> Problem | None:
    return validate_offer_ids([OfferID(value=each) for each in case["given"]], OFFERS, "f-1")


INVERSE_OFFERS = {
    offer.offer_id: offer
    for offer in (
        Remembered("i-1"),
        Remembered("i-other-framework", framework_id="f-2"),
        Remembered("i-other-agent", agent_id="a-2"),
    )
}


class Scheduled(msgspec.Struct, frozen=True):
    machine_id: MachineID
    mode: MachineInfo.Mode


MACHINES = {
    machine_key(each.machine_id): each
    for each in (
        Scheduled(MachineID(hostname="draining", ip="10.0.0.1"), MachineInfo.Mode.DRAINING),
        Scheduled(MachineID(hostname="Down", ip="10.0.0.2"), MachineInfo.Mode.DOWN),
    )
}


def run_operation(case: Row) -> Problem | None:
    operation = json_codec.from_builtins(Offer.Operation, case["given"])
    return validate_operation(operation, case.get("capabilities", ()))


def run_task(case: Row) -> Problem | None:
    task = json_codec.from_builtins(TaskInfo, merge(TASK, case["given"]))
    return validate_task(task, launch_context(case), OFFERED)


def run_group(case: Row) -> Problem | None:
    own = case["given"].get("executor", {})
    group_executor = merge(GROUP_EXECUTOR, own)
    task = merge(TASK | {"executor": group_executor}, case["given"].get("task", {}))
    group = {"executor": group_executor, "task_group": {"tasks": [task]}}
    return validate_task_group(
        json_codec.from_builtins(Offer.Operation.LaunchGroup, group),
        launch_context(case),
        OFFERED,
    )


def run_executor(case: Row) -> Problem | None:
    return validate_executor(
        executor(**case["given"]),
        framework_id="f-1",
        known={"running": executor(executor_id={"value": "running"})},
    )


def run_weights(case: Row) -> Problem | None:
    given = [json_codec.from_builtins(WeightInfo, each) for each in case["given"]]
    return validate_weights(given, case.get("roles"))


def quota_context(case: Row) -> QuotaContext:
    quotas = {
        role: Quota(guarantees=amounts(guarantees), limits=amounts(limits))
        for role, (guarantees, limits) in case.get("quotas", {}).items()
    }
    return QuotaContext(
        allowed_roles=case.get("roles"),
        quotas=quotas,
        capacity=Quantities(cpus=9000, mem=9_000_000),
        consumed={role: amounts(each) for role, each in case.get("consumed", {}).items()},
    )


def amounts(given: dict[str, float]) -> Quantities:
    return Quantities.from_floats(given)


def run_set_quota(case: Row) -> Problem | None:
    request = json_codec.from_builtins(QuotaRequest, case["given"])
    return validate_set_quota(request, quota_context(case))


def run_update_quota(case: Row) -> Problem | None:
    configs = [json_codec.from_builtins(QuotaConfig, each) for each in case["given"]]
    return validate_update_quota(configs, quota_context(case), is_forced=case.get("force", False))


def run_schedule(case: Row) -> Problem | None:
    return validate_schedule(json_codec.from_builtins(Schedule, case["given"]), MACHINES)


def run_machines_down(case: Row) -> Problem | None:
    return validate_machines_down(machine_ids(case), MACHINES)


def run_machines_up(case: Row) -> Problem | None:
    return validate_machines_up(machine_ids(case), MACHINES)


def machine_ids(case: Row) -> list[MachineID]:
    return [json_codec.from_builtins(MachineID, each) for each in case["given"]]


def run_inverse_offers(case: Row) -> Problem | None:
    ids = [OfferID(value=each) for each in case["given"]]
    return validate_inverse_offer_ids(ids, INVERSE_OFFERS, "f-1")


def run_resource(case: Row) -> Problem | None:
    return validate_resources([json_codec.from_builtins(Resource, case["given"])])


def run_variable(case: Row) -> Problem | None:
    return validate_environment(
        json_codec.from_builtins(Environment, {"variables": [case["given"]]})
    )


def run_agent(case: Row) -> Problem | None:
    frameworks = [
        json_codec.from_builtins(FrameworkInfo, FRAMEWORK | {"id": {"value": each}})
        for each in case.get("framework_ids", ())
    ]
    executors = [executor(executor_id={"value": each}) for each in case.get("executor_ids", ())]
    return validate_agent_info(
        json_codec.from_builtins(AgentInfo, merge(AGENT, case["given"])),
        case.get("version", "1.11.0"),
        AgentRules(requires_domain=case.get("requires_domain", False)),
        frameworks=frameworks,
        executors=executors,
    )


def run_address(case: Row) -> Problem | None:
    return check_same_address(
        json_codec.from_builtins(AgentInfo, AGENT),
        json_codec.from_builtins(AgentInfo, merge(AGENT, case["given"])),
        "10.0.0.1",
        case.get("ip", "10.0.0.1"),
    )


def run_completion(case: Row) -> Problem | None:
    del case
    framework_id = FrameworkID(value="f-1")
    bare = merge(TASK, {"command": None, "executor": merge(EXECUTOR, {"framework_id": None})})
    bare["health_check"] = {"http": {"port": 80}}
    bare["resources"] = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}]
    task = complete_task(json_codec.from_builtins(TaskInfo, bare), framework_id, "dev")
    assert task.executor is not None
    assert task.executor.framework_id == framework_id
    assert task.health_check is not None
    assert task.health_check.type is HealthCheck.Type.HTTP
    assert task.resources[0].allocation_info == Resource.AllocationInfo(role="dev")
    group = complete_group(
        json_codec.from_builtins(
            Offer.Operation.LaunchGroup,
            {"executor": GROUP_EXECUTOR, "task_group": {"tasks": [TASK]}},
        ),
        "dev",
    )
    assert group.task_group.tasks[0].executor == group.executor
    return Problem(rule="accept.defaults", field="", value="", message="it was filled in")


RUNNERS: dict[str, Callable[[Row], Problem | None]] = {
    "undecodable": run_undecodable,
    "call": run_call,
    "subscribe_stream": run_subscribe_stream,
    "session": run_session,
    "framework": run_framework,
    "framework_update": run_framework_update,
    "resubscription": run_resubscription,
    "roles": run_roles,
    "role": lambda case: validate_role(case["given"]),
    "id": lambda case: validate_id(case["given"], "id"),
    "offers": run_offers,
    "operation": run_operation,
    "task": run_task,
    "group": run_group,
    "executor": run_executor,
    "resource": run_resource,
    "weights": run_weights,
    "schedule": run_schedule,
    "machines_down": run_machines_down,
    "machines_up": run_machines_up,
    "inverse_offers": run_inverse_offers,
    "set_quota": run_set_quota,
    "update_quota": run_update_quota,
    "remove_quota": lambda case: validate_remove_quota(case["given"], quota_context(case)),
    "health": lambda case: validate_health_check(
        json_codec.from_builtins(HealthCheck, case["given"])
    ),
    "check": lambda case: validate_check(json_codec.from_builtins(CheckInfo, case["given"])),
    "variable": run_variable,
    "container": lambda case: validate_container(
        json_codec.from_builtins(ContainerInfo, case["given"])
    ),
    "agent": run_agent,
    "address": run_address,
    "completion": run_completion,
}


# --- what is right is let through --------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        {"kind": "task", "given": {}},
        {"kind": "task", "given": {"limits": {"mem": {"value": "Infinity"}}},
         "capabilities": ["TASK_RESOURCE_LIMITS"]},
        {"kind": "task", "given": {"command": None, "executor": EXECUTOR}},
        {"kind": "group", "given": {}},
        {"kind": "executor", "given": {}},
        {"kind": "framework", "given": {}},
        {"kind": "framework", "given": {"id": {"value": ""}, "failover_timeout": -1}},
        {"kind": "framework", "given": {"roles": [], "capabilities": [{"type": "MULTI_ROLE"}]}},
        {"kind": "agent", "given": {}, "framework_ids": ["f-1"], "executor_ids": ["e-1"]},
        {"kind": "session", "given": {"stream_id": "s-1"}, "stream_id": "s-1"},
        {"kind": "offers", "given": ["o-1"]},
        {"kind": "role", "given": "*"},
        {"kind": "role", "given": "a/b"},
        {"kind": "id", "given": "x" * 255},
        {"kind": "address", "given": {}},
    ],
    ids=lambda case: case["kind"],
)  # fmt: skip
def test_what_breaks_no_rule_is_let_through(case: Row) -> None:
    assert RUNNERS[case["kind"]](case) is None


@pytest.mark.parametrize("kind", [each.name for each in Call.Type])
def test_a_call_of_any_type_that_is_only_a_type_is_judged_without_an_error(kind: str) -> None:
    call = Call(type=Call.Type[kind], framework_id=FrameworkID(value="f-1"))
    found = validate_call(call)
    assert (found is None) == (kind in {"TEARDOWN", "REVIVE", "SUPPRESS", "UNKNOWN"})
