"""The tables of operator calls that a master and an agent have: their rows and the look-up."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from tepui.base.errors import Rejected

Type = TypeVar("Type", bound=enum.Enum)
_Type_co = TypeVar("_Type_co", bound=enum.Enum, covariant=True)
Handler = TypeVar("Handler")


class CallKind(enum.Enum):
    """What a call does, and so how it is answered."""

    READ = "read"  # 200 with a Response of the same type
    WRITE = "write"  # 200 or 202 without a body
    STREAM = "stream"  # 200, and records until somebody leaves


class OperatorCall(msgspec.Struct, Generic[Handler], frozen=True, kw_only=True):
    """How one type of call is served.

    Attributes:
        kind: What it does.
        permission: The action that an authorizer is asked about, if any.
        filters: The actions that decide which parts of an answer somebody sees.
        payload: The field that has to be there.
        handler: ``None`` while the call is not supported.
    """

    kind: CallKind = CallKind.READ
    permission: str | None = None
    filters: tuple[str, ...] = ()
    payload: str | None = None
    handler: Handler | None = None


class Call(Protocol[_Type_co]):
    """A call of either daemon; the payloads of its types are further fields."""

    @property
    def type(self) -> _Type_co | None:
        """What is asked."""


def find_call(
    table: Mapping[Type, OperatorCall[Handler]], call: Call[Type]
) -> OperatorCall[Handler]:
    """Return how ``call`` is served, as ``table`` says.

    Raises:
        Rejected: It has no type, lacks what its type needs, or is none that can be served.
    """
    if call.type is None:
        raise Rejected("type is missing, or no type of call that we know")
    found = table.get(call.type)
    if found is None:
        raise Rejected(f"{call.type.name} is no call that can be made", 501)
    if found.payload is not None and getattr(call, found.payload) is None:
        raise Rejected(f"{found.payload} is missing from the {call.type.name} call")
    return found
