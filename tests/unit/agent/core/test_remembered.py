"""What an agent stores of its resources."""

from __future__ import annotations

from tepui.agent.core.remembered import Remembered
from tepui.messages import Resource, Value
from tepui.resources import Resources, parse_resources


def reserved(role: str, cpus: float) -> Resource:
    return Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=cpus),
        reservations=[
            Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role=role)
        ],
    )


def test_what_operations_made_is_stored_and_what_an_operator_gave_is_not() -> None:
    total = parse_resources("cpus:4;cpus(static):1") + Resources.from_messages([reserved("a", 1)])
    messages, size = Remembered().describe(total)
    assert messages == [reserved("a", 1)]
    assert size > 0


def test_what_an_operation_leaves_alone_is_not_described_again() -> None:
    """An agent may have thousands of reservations, and a thousand operations to do."""
    remembered = Remembered()
    before = Resources.from_messages([reserved("a", 1), reserved("b", 1)])
    first, size = remembered.describe(before)
    after = before + Resources.from_messages([reserved("b", 1), reserved("c", 1)])
    second, larger = remembered.describe(after)
    assert second == [reserved("a", 1), reserved("b", 2), reserved("c", 1)]
    assert second[0] is first[0]
    assert larger > size
    again, _ = remembered.describe(before)
    assert again == first
