"""Each rule of operations on reservations and volumes, broken once at least."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tepui.codec import json as json_codec
from tepui.master.validation.operations import (
    AGENT_RESOURCES_MAX,
    OPERATION_RESOURCES_MAX,
    RESOURCE_BYTES_MAX,
    AgentFacts,
    FrameworkFacts,
    check_agent_given,
    validate_accepted_operation,
    validate_operator_operation,
)
from tepui.master.validation.problem import Problem
from tepui.messages import AgentID, Offer, Resource
from tepui.resources import EMPTY, Resources
from tepui.resources.operations import conversions

Row = dict[str, Any]

CASES: list[Row] = json.loads(
    (Path(__file__).parents[4] / "tests/data/mesos/operation-cases.json").read_text()
)
CAPABILITIES = ("HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESIZE_VOLUME", "RESOURCE_PROVIDER")


def volume(persistence_id: str) -> Row:
    return {
        "name": "disk",
        "type": "SCALAR",
        "scalar": {"value": 100},
        "reservations": [{"type": "DYNAMIC", "role": "dev", "principal": "p"}],
        "disk": {
            "persistence": {"id": persistence_id, "principal": "p"},
            "volume": {"container_path": "d", "mode": "RW"},
        },
    }


def resources(*given: Row) -> Resources:
    return Resources.from_messages(json_codec.from_builtins(Resource, each) for each in given)


def decoded(kind: str, given: Row | None) -> Offer.Operation:
    payload = {} if given is None else {kind.lower(): given}
    return json_codec.from_builtins(Offer.Operation, {"type": kind, **payload})


def judge(case: Row) -> Problem | None:
    """Hold an operation against an agent with two volumes, one of them in use."""
    operation = decoded(case["kind"], case["given"])
    agent = AgentFacts(
        capabilities=[each for each in CAPABILITIES if each not in case.get("lacks", ())],
        total=resources(volume("old"), volume("used")),
        used=(EMPTY, resources(volume("used")).allocated_to("dev")),
    )
    if "roles" not in case:
        return validate_operator_operation(operation, agent=agent, principal=case.get("principal"))
    framework = FrameworkFacts(
        roles=case["roles"],
        principal=case.get("principal"),
        has_shared_resources="SHARED_RESOURCES" in case.get("can", ()),
    )
    return validate_accepted_operation(operation, agent=agent, framework=framework)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_a_broken_rule_is_reported_by_its_name(case: Row) -> None:
    found = judge(case)
    if case.get("ignored"):
        assert found is None
        return
    assert found is not None, "nobody objected"
    assert found.rule == case.get("says", case["rule"])
    assert found.status == 400
    assert found.field in found.message


def test_what_passes_can_be_converted() -> None:
    kept = [case for case in CASES if case.get("ignored") and "DISK" not in case["kind"]]
    assert all(conversions(decoded(case["kind"], case["given"])) for case in kept)


def test_the_message_names_the_field_and_the_value() -> None:
    found = judge({"kind": "CREATE", "given": {"volumes": [volume("old")]}})
    assert found is not None
    assert found.message == (
        "create.volumes[0].disk.persistence.id 'old' is the id of another volume of role 'dev'"
        " on the agent"
    )


def test_a_volume_is_resized_on_an_agent_that_is_named() -> None:
    found = check_agent_given("grow_volume", None)
    assert found is not None
    assert found.rule == "op.operator.grow_agent"
    assert found.message == "grow_volume.agent_id is missing"
    assert check_agent_given("grow_volume", AgentID(value="a")) is None


def test_an_agent_is_split_into_so_many_parts_and_no_more() -> None:
    total = resources(
        *(
            {"name": f"r{each}", "type": "SCALAR", "scalar": {"value": 1}}
            for each in range(AGENT_RESOURCES_MAX)
        )
    )
    stack = [{"type": "DYNAMIC", "role": "dev"}]
    wanted = {"name": "r1", "type": "SCALAR", "scalar": {"value": 1}, "reservations": stack}
    facts = AgentFacts(capabilities=CAPABILITIES, total=total)
    found = validate_operator_operation(
        decoded("RESERVE", {"resources": [wanted]}), agent=facts, principal=None
    )
    assert found is not None
    assert str(AGENT_RESOURCES_MAX) in found.message
    undone = decoded("UNRESERVE", {"resources": [wanted]})
    assert validate_operator_operation(undone, agent=facts, principal=None) is None


@pytest.mark.parametrize("kind", ["RESERVE", "CREATE"])
def test_a_reservation_says_so_much_of_itself_and_no_more(kind: str) -> None:
    wanted = volume("new")
    if kind == "RESERVE":
        del wanted["disk"]
    facts = AgentFacts(capabilities=CAPABILITIES, total=EMPTY)
    for size, is_refused in (
        (RESOURCE_BYTES_MAX - 500, False),
        (RESOURCE_BYTES_MAX, True),
    ):
        label = {"key": "k", "value": "x" * size}
        wanted["reservations"] = [{"type": "DYNAMIC", "role": "dev", "labels": {"labels": [label]}}]
        field = "resources" if kind == "RESERVE" else "volumes"
        operation = decoded(kind, {field: [wanted]})
        found = validate_operator_operation(operation, agent=facts, principal=None)
        assert (found is not None) is is_refused


def test_one_operation_names_so_many_resources_and_no_more() -> None:
    facts = AgentFacts(capabilities=CAPABILITIES, total=EMPTY)
    stack = [{"type": "DYNAMIC", "role": "dev"}]
    wanted = {"name": "r1", "type": "SCALAR", "scalar": {"value": 1}, "reservations": stack}
    for count, is_refused in (
        (OPERATION_RESOURCES_MAX, False),
        (OPERATION_RESOURCES_MAX + 1, True),
    ):
        operation = decoded("UNRESERVE", {"resources": [wanted] * count})
        found = validate_operator_operation(operation, agent=facts, principal=None)
        assert (found is not None) is is_refused


def test_an_operation_without_a_type_is_none() -> None:
    facts = AgentFacts(capabilities=CAPABILITIES, total=EMPTY)
    for operation in (Offer.Operation(), decoded("LAUNCH", {"task_infos": []})):
        assert validate_operator_operation(operation, agent=facts, principal=None) is not None
