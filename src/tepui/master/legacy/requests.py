"""What the legacy endpoints that change something are given: forms and JSON."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from tepui.base.errors import Rejected
from tepui.codec import json, v0
from tepui.codec.errors import DecodeError
from tepui.messages import Offer, Resource, WeightInfo
from tepui.messages.quota import QuotaRequest

Operation = Offer.Operation


def read_framework_id(body: bytes) -> str:
    """Return the ``frameworkId`` of the form that /teardown takes.

    Raises:
        Rejected: There is none.
    """
    return _required(_form(body), "frameworkId")


def read_weights(body: bytes) -> tuple[WeightInfo, ...]:
    """Return the weights that PUT /weights takes: a list of objects of role and weight.

    Raises:
        Rejected: The body is no such list.
    """
    try:
        return json.decode_list(WeightInfo, body)
    except DecodeError as error:
        raise Rejected(f"The body is no list of role and weight: {error}") from error


def read_quota(body: bytes) -> QuotaRequest:
    """Return what POST /quota takes.

    Raises:
        Rejected: The body is no such object.
    """
    try:
        return v0.from_builtins(QuotaRequest, json.parse(body))
    except DecodeError as error:
        raise Rejected(f"The body is no quota of a role: {error}") from error


def read_operation(body: bytes, kind: Operation.Type) -> tuple[str, Operation]:
    """Return the agent's id and the operation that a form asks for.

    Args:
        body: The form that /reserve, /unreserve, /create-volumes or /destroy-volumes takes.
        kind: Which of them it is.

    Raises:
        Rejected: A field of the form is missing, or is no list of resources.
    """
    form = _form(body)
    agent_id = _required(form, "slaveId")
    if kind is Operation.Type.RESERVE:
        resources = _resources("resources", _required(form, "resources"))
        source = _resources("source", form["source"][-1]) if "source" in form else []
        reserve = Operation.Reserve(source=source, resources=resources)
        return agent_id, Operation(type=kind, reserve=reserve)
    if kind is Operation.Type.UNRESERVE:
        resources = _resources("resources", _required(form, "resources"))
        return agent_id, Operation(type=kind, unreserve=Operation.Unreserve(resources=resources))
    volumes = _resources("volumes", _required(form, "volumes"))
    if kind is Operation.Type.CREATE:
        return agent_id, Operation(type=kind, create=Operation.Create(volumes=volumes))
    return agent_id, Operation(type=kind, destroy=Operation.Destroy(volumes=volumes))


def _required(form: dict[str, list[str]], name: str) -> str:
    values = form.get(name)
    if not values:
        raise Rejected(f"{name} is missing from the form in the body")
    return values[-1]


def _resources(name: str, text: str) -> list[Resource]:
    """Return the resources that a field of a form lists as JSON."""
    try:
        items = msgspec.json.decode(text, type=list[dict[str, object]])
        return [v0.from_builtins(Resource, item) for item in items]
    except (msgspec.DecodeError, DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(f"{name} in the form is no list of resources: {error}") from error


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True)
    except UnicodeDecodeError as error:
        raise Rejected(f"The body is no form: byte {error.start} is not UTF-8") from error
