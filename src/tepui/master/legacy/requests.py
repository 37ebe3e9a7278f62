"""What the legacy endpoints that change something are given: forms and JSON."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from tepui.base.errors import Rejected
from tepui.codec import json, v0
from tepui.codec.errors import DecodeError
from tepui.messages import WeightInfo
from tepui.messages.quota import QuotaRequest


def read_framework_id(body: bytes) -> str:
    """Return the ``frameworkId`` of the form that /teardown takes.

    Raises:
        Rejected: There is none.
    """
    values = _form(body).get("frameworkId")
    if not values:
        raise Rejected("frameworkId is missing from the form in the body")
    return values[-1]


def read_weights(body: bytes) -> tuple[WeightInfo, ...]:
    """Return the weights that PUT /weights takes: a list of objects of role and weight.

    Raises:
        Rejected: The body is no such list.
    """
    try:
        items = msgspec.json.decode(body, type=list[dict[str, object]])
        return tuple(json.from_builtins(WeightInfo, item) for item in items)
    except (msgspec.DecodeError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"The body is no list of role and weight: {error}") from error


def read_quota(body: bytes) -> QuotaRequest:
    """Return what POST /quota takes.

    Raises:
        Rejected: The body is no such object.
    """
    try:
        return v0.from_builtins(QuotaRequest, msgspec.json.decode(body))
    except (msgspec.DecodeError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"The body is no quota of a role: {error}") from error


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True)
    except ValueError as error:
        raise Rejected(f"The body is no form: {error}") from error
