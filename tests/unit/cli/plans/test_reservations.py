"""Which pieces of an agent a reservation is made of, and what becomes of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.cli.amounts import parse_amounts
from tepui.cli.errors import CommandFailed
from tepui.cli.plans.holdings import Holdings, holdings_of, parse_disk
from tepui.cli.plans.reservations import list_reserved, parse_labels, reserving, unreserving
from tepui.messages import Offer
from tepui.resources import Resources, describe_resources
from tepui.resources.conversions import ReservationType
from tepui.resources.keys import Reservation
from tepui.resources.operations import apply

Operation = Offer.Operation


def dynamic(role: str, principal: str | None = None) -> Reservation:
    return Reservation(ReservationType.DYNAMIC, role, principal)


def reserved(
    holdings: Holdings, amounts: str, role: str, *, of: str | None = None, **options: Any
) -> Holdings:
    """Return what an agent has after a reservation that a master would not refuse."""
    wanted = parse_amounts("RESOURCES", amounts)
    options = {"disk": None, **options}
    change = reserving(holdings, wanted, dynamic(role), of_role=of, **options)
    assert change.refusal is None
    call = change.call.reserve_resources
    assert call is not None
    reserve = Operation.Reserve(source=call.source, resources=call.resources)
    operation = Operation(type=Operation.Type.RESERVE, reserve=reserve)
    return msgspec.structs.replace(holdings, total=apply(holdings.total, operation))


def unreserved(holdings: Holdings, amounts: str | None, role: str) -> Holdings:
    wanted = None if amounts is None else parse_amounts("RESOURCES", amounts)
    change = unreserving(holdings, wanted, role, disk=None)
    assert change.refusal is None
    call = change.call.unreserve_resources
    assert call is not None
    unreserve = Operation.Unreserve(resources=call.resources)
    operation = Operation(type=Operation.Type.UNRESERVE, unreserve=unreserve)
    return msgspec.structs.replace(holdings, total=apply(holdings.total, operation))


def held(holdings: Holdings, role: str) -> str:
    return describe_resources(holdings.total.reserved(role))


def stacks(holdings: Holdings) -> list[list[str]]:
    return [[level.role for level in each.stack] for each in list_reserved(holdings)]


@pytest.fixture
def holdings(agent: Any) -> Holdings:
    return holdings_of(agent())


def test_what_nobody_reserved_is_reserved(holdings: Holdings) -> None:
    after = reserved(holdings, "cpus:2;mem:512m;ports:[31000-31009]", "dev")
    assert held(after, "dev") == (
        "cpus:2 (reserved for 'dev'); mem:512 (reserved for 'dev');"
        " ports:[31000-31009] (reserved for 'dev')"
    )


def test_of_a_role_above_it_is_refined_and_comes_back_to_that(holdings: Holdings) -> None:
    refined = reserved(reserved(holdings, "cpus:2", "dev"), "cpus:1", "dev/web", of="dev")
    assert stacks(refined) == [["dev"], ["dev", "dev/web"]]
    assert held(unreserved(refined, None, "dev/web"), "dev") == "cpus:2 (reserved for 'dev')"


def test_without_that_a_role_below_reserves_what_nobody_did(holdings: Holdings) -> None:
    assert stacks(reserved(holdings, "cpus:2", "dev/web")) == [["dev/web"]]


def test_of_another_role_it_changes_hands(holdings: Holdings) -> None:
    refined = reserved(reserved(holdings, "cpus:2", "dev"), "cpus:2", "dev/web", of="dev")
    assert stacks(reserved(refined, "cpus:1", "ops", of="dev/web")) == [["dev", "dev/web"], ["ops"]]
    assert stacks(reserved(refined, "cpus:2", "dev/db", of="dev/web")) == [["dev", "dev/db"]]


def test_what_changes_hands_was_reserved_in_one_way(holdings: Holdings) -> None:
    """The call would be refused if it mixed them: another way has all that is wanted."""
    one = reserved(holdings, "cpus:1", "dev")
    wanted = parse_amounts("RESOURCES", "cpus:2")
    change = reserving(one, wanted, dynamic("dev", "me"), of_role=None, disk=None)
    assert change.call.reserve_resources is not None
    reserve = Operation.Reserve(resources=change.call.reserve_resources.resources)
    operation = Operation(type=Operation.Type.RESERVE, reserve=reserve)
    both = msgspec.structs.replace(one, total=apply(one.total, operation))
    assert held(reserved(both, "cpus:2", "ops", of="dev"), "dev") == "cpus:1 (reserved for 'dev')"
    with pytest.raises(CommandFailed, match="cpus:3 is wanted of agent m-S0"):
        reserved(both, "cpus:3", "ops", of="dev")


def test_what_the_agent_reserves_itself_goes_to_roles_below_only(agent: Any) -> None:
    holdings = holdings_of(agent(resources="cpus(dev):2;cpus:1"))
    assert stacks(reserved(holdings, "cpus:1", "dev/web", of="dev")) == [
        ["dev"],
        ["dev", "dev/web"],
    ]
    with pytest.raises(CommandFailed, match="by the agent's --resources stays so"):
        reserved(holdings, "cpus:1", "ops", of="dev")
    with pytest.raises(CommandFailed, match="what --resources reserves is the agent's own"):
        unreserved(holdings, None, "dev")


def test_free_pieces_are_picked_first_and_a_refusal_names_what_is_used(agent: Any) -> None:
    holdings = holdings_of(agent(resources="ports:[1-10]", used="ports:[1-4]"))
    after = reserved(holdings, "ports:[5-6]", "dev")
    assert held(after, "dev") == "ports:[5-6] (reserved for 'dev')"
    wanted = parse_amounts("RESOURCES", "ports:[4-5]")
    change = reserving(holdings, wanted, dynamic("dev"), of_role=None, disk=None)
    assert change.refusal == "ports:[4-4] is needed, and in use"


def test_more_than_there_is_is_compared_with_what_there_is(holdings: Holdings) -> None:
    with pytest.raises(CommandFailed) as caught:
        reserved(holdings, "cpus:9;gpus:1", "dev")
    assert str(caught.value) == (
        "cpus:9; gpus:1 is wanted of agent m-S0, which has cpus:4 unreserved"
    )
    with pytest.raises(CommandFailed, match="which has nothing of that reserved for 'ops'"):
        reserved(holdings, "cpus:1", "dev", of="ops")


def test_a_role_does_not_take_from_itself(holdings: Holdings) -> None:
    with pytest.raises(CommandFailed, match="is so already"):
        reserved(holdings, "cpus:1", "dev", of="dev")


def test_a_disk_of_its_own_is_meant_only_if_it_is_named(agent: Any) -> None:
    disks = """[
      {"name": "disk", "type": "SCALAR", "scalar": {"value": 100}},
      {"name": "disk", "type": "SCALAR", "scalar": {"value": 2000},
       "disk": {"source": {"type": "MOUNT", "mount": {"root": "/mnt/a"}}}},
      {"name": "disk", "type": "SCALAR", "scalar": {"value": 3000},
       "disk": {"source": {"type": "PATH", "path": {"root": "/mnt/b"}}}}
    ]"""
    holdings = holdings_of(agent(resources=disks))
    with pytest.raises(CommandFailed, match="disk:200 is wanted"):
        reserved(holdings, "disk:200", "dev")
    path = reserved(holdings, "disk:200", "dev", disk=parse_disk("path:/mnt/b"))
    assert held(path, "dev") == "disk:200 (reserved for 'dev', PATH disk)"
    whole = reserved(holdings, "disk:2000", "dev", disk=parse_disk("mount:/mnt/a"))
    assert held(whole, "dev") == "disk:2000 (reserved for 'dev', MOUNT disk)"
    with pytest.raises(CommandFailed, match="disk:1000 is wanted"):
        reserved(holdings, "disk:1000", "dev", disk=parse_disk("mount:/mnt/a"))


@pytest.mark.parametrize("text", ["", "/mnt", "block:/dev/sda", "path:", "mount"])
def test_what_is_no_disk_is_named(text: str) -> None:
    with pytest.raises(CommandFailed, match=f"^--disk: '{text}' is no disk"):
        parse_disk(text)


def test_a_master_that_does_not_know_the_agents_state_refuses(agent: Any) -> None:
    holdings = holdings_of(agent(active=False))
    wanted = parse_amounts("RESOURCES", "cpus:1")
    change = reserving(holdings, wanted, dynamic("dev"), of_role=None, disk=None)
    assert change.refusal == "agent m-S0 is not connected"
    bad = reserving(holdings, wanted, dynamic("de v"), of_role=None, disk=None)
    assert "contains white space" in (bad.refusal or "")


def test_labels_have_a_key() -> None:
    assert parse_labels(["b=1", "a"]) == (("a", None), ("b", "1"))
    assert parse_labels([]) is None
    with pytest.raises(CommandFailed, match="--label: '=1' has no key"):
        parse_labels(["=1"])


def test_nothing_is_left_out_of_what_is_listed(holdings: Holdings) -> None:
    after = reserved(holdings, "cpus:2", "dev")
    (row,) = list_reserved(after)
    assert (row.kind, row.resources, row.used) == (
        "dynamic",
        after.total.reserved("dev"),
        Resources(),
    )
