"""How a call is found in a table of them."""

from __future__ import annotations

import enum

import msgspec
import pytest

from tepui.base.errors import Rejected
from tepui.http.calls import OperatorCall, find_call


class Kind(enum.Enum):
    """Three things to ask, the last of which nobody may."""

    LOOK = 1
    READ_PAGE = 2
    UNKNOWN = 3


class Call(msgspec.Struct, kw_only=True):
    """What is asked."""

    type: Kind | None = None
    read_page: int | None = None


TABLE: dict[Kind, OperatorCall[str]] = {
    Kind.LOOK: OperatorCall(handler="look"),
    Kind.READ_PAGE: OperatorCall(payload="read_page", handler="read"),
}


def test_a_call_is_found_by_its_type() -> None:
    assert find_call(TABLE, Call(type=Kind.LOOK)).handler == "look"
    assert find_call(TABLE, Call(type=Kind.READ_PAGE, read_page=0)).handler == "read"


@pytest.mark.parametrize(
    ("call", "status", "message"),
    [
        (Call(), 400, "type is missing, or no type of call that we know"),
        (Call(type=Kind.UNKNOWN), 501, "UNKNOWN is no call that can be made"),
        (Call(type=Kind.READ_PAGE), 400, "read_page is missing from the READ_PAGE call"),
    ],
)
def test_what_is_no_call_is_refused(call: Call, status: int, message: str) -> None:
    with pytest.raises(Rejected) as refused:
        find_call(TABLE, call)
    assert (refused.value.status, refused.value.message) == (status, message)
