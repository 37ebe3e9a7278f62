"""What an agent may be after a restart that it was not before."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.agent.core.reconfiguration import Policy, refused_changes
from tepui.messages import AgentInfo, DomainInfo
from tepui.resources import parse_attributes, parse_resources

BEFORE = "cpus:4;mem:1024;ports:[31000-31999];disks:{a,b}"
REGION = DomainInfo.FaultDomain.RegionInfo
ZONE = DomainInfo.FaultDomain.ZoneInfo


def domain(zone: str) -> DomainInfo:
    fault_domain = DomainInfo.FaultDomain(region=REGION(name="r"), zone=ZONE(name=zone))
    return DomainInfo(fault_domain=fault_domain)


def info(resources: str = BEFORE, attributes: str = "", **fields: Any) -> AgentInfo:
    return AgentInfo(
        hostname=fields.pop("hostname", "h"),
        port=fields.pop("port", 5051),
        resources=parse_resources(resources).to_messages(),
        attributes=parse_attributes(attributes),
        **fields,
    )


def refused(stored: AgentInfo, given: AgentInfo, policy: Policy) -> list[str]:
    return refused_changes(stored, given, policy, is_port_fixed=True)


@pytest.mark.parametrize("policy", Policy)
def test_an_agent_may_be_what_it_was_in_another_order(policy: Policy) -> None:
    stored = info("cpus:1;mem:2", "a:1;b:x", domain=domain("z"))
    assert refused(stored, info("mem:2;cpus:1", "b:x;a:1", domain=domain("z")), policy) == []


@pytest.mark.parametrize(
    ("stored", "given", "lacking"),
    [
        (info(), info("cpus:5;mem:1024;ports:[31000-31999];disks:{a,b}"), None),
        (info(), info("cpus:4;mem:1024;ports:[30000-32000];disks:{a,b,c};gpus:1"), None),
        (info(), info("cpus:3.999;mem:1024;ports:[31000-31999];disks:{a,b}"), "cpus"),
        (info(), info("cpus:4;ports:[31000-31999];disks:{a,b}"), "mem"),
        (info(), info("cpus:4;mem:1024;ports:[31001-32999];disks:{a,b}"), "ports"),
        (info(), info("cpus:4;mem:1024;ports:[31000-31999];disks:{b,c}"), "disks"),
        (info(), info("cpus(red):4;mem:1024;ports:[31000-31999];disks:{a,b}"), "cpus"),
        (info(), info("cpus:[1-9];mem:1024;ports:[31000-31999];disks:{a,b}"), "cpus"),
    ],
)
def test_resources_may_only_become_more(
    stored: AgentInfo, given: AgentInfo, lacking: str | None
) -> None:
    (equal,) = refused(stored, given, Policy.EQUAL)
    assert equal.startswith("resources was cpus:4;mem:1024;")
    additive = refused(stored, given, Policy.ADDITIVE)
    if lacking is None:
        assert additive == []
    else:
        assert [lacking in each for each in additive] == [True]


@pytest.mark.parametrize(
    ("given", "is_permitted"),
    [
        ("rack:r1;n:4.5;x:[1-2];extra:1", True),
        ("rack:r1;n:4.5;x:[1-9]", True),
        ("rack:r1;n:4.5;x:[2-9]", False),
        ("rack:r2;n:4.5;x:[1-2]", False),
        ("rack:r1;n:5;x:[1-2]", False),
        ("n:4.5;x:[1-2]", False),
        ("rack:1;n:4.5;x:[1-2]", False),
        ("", False),
    ],
)
def test_attributes_may_be_added_but_not_changed(given: str, is_permitted: bool) -> None:
    stored, now = info(attributes="rack:r1;n:4.5;x:[1-2]"), info(attributes=given)
    assert (refused(stored, now, Policy.ADDITIVE) == []) is is_permitted
    assert len(refused(stored, now, Policy.EQUAL)) == 1


def test_a_domain_may_be_given_once() -> None:
    assert refused(info(), info(domain=domain("a")), Policy.ADDITIVE) == []
    assert len(refused(info(), info(domain=domain("a")), Policy.EQUAL)) == 1
    for now in (domain("b"), None):
        (text,) = refused(info(domain=domain("a")), info(domain=now), Policy.ADDITIVE)
        assert text.startswith("domain was {")


@pytest.mark.parametrize("policy", Policy)
def test_all_that_was_changed_is_named(policy: Policy) -> None:
    given = info("cpus:1", hostname="i", port=6000)
    texts = refused(info(attributes="a:1"), given, policy)
    assert [text.split(" ")[0] for text in texts] == ["hostname", "port", "resources", "attributes"]


def test_a_port_that_nobody_asked_for_is_not_compared() -> None:
    stored, given = info(port=5051), info(port=40000)
    assert refused_changes(stored, given, Policy.EQUAL, is_port_fixed=False) == []
    assert refused_changes(stored, given, Policy.EQUAL, is_port_fixed=True) == [
        "port was 5051, and is 40000"
    ]
