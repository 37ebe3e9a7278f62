"""The texts that operators write: ``--resources`` and ``--attributes``.

Resources are ``cpus:4;mem:1024;ports:[31000-32000];disk(role):10;bugs:{a,b}``, or a JSON array
of ``Resource`` objects. Attributes are ``rack:r1;n:4.5;x:[1-2]``.
"""

from __future__ import annotations

import math
import re

import msgspec

from tepui.codec.errors import DecodeError, quote
from tepui.codec.json import from_builtins, parse
from tepui.messages import Attribute, Resource, Value
from tepui.resources.conversions import ReservationType, reservations_of
from tepui.resources.resources import Resources
from tepui.resources.roles import ANYBODY
from tepui.resources.validation import problem_with_resource

_NAME = re.compile(r"^([^()]*?)(?:\(([^()]*)\))?$")
_RANGE = re.compile(r"^([0-9]+)\s*-\s*([0-9]+)$")


class ParseError(ValueError):
    """A text that is not what it should be; the message says where and why."""


def parse_resources(text: str, *, default_role: str = ANYBODY) -> Resources:
    """Return the resources that ``text`` stands for, in its text or its JSON form.

    Args:
        text: What the operator wrote.
        default_role: The role to which resources without one are reserved.

    Raises:
        ParseError: The text cannot be understood, or a resource is not acceptable.
    """
    stripped = text.strip()
    if stripped.startswith("["):
        messages = _messages_from_json(stripped, default_role)
    else:
        messages = [_resource(part, default_role) for part in _parts(stripped)]
    for message in messages:
        problem = problem_with_resource(message) or _not_an_agents_own(message)
        if problem is not None:
            raise ParseError(problem)
    return Resources.from_messages(messages)


def parse_attributes(text: str) -> list[Attribute]:
    """Return the attributes that ``text`` stands for, in order.

    Raises:
        ParseError: A part is not a name and a value.
    """
    attributes: list[Attribute] = []
    for part in _parts(text):
        name, colon, value_text = part.partition(":")
        name, value_text = name.strip(), value_text.strip()
        if not colon or not name or not value_text:
            raise ParseError(f"{part!r} is not an attribute: expected name:value")
        value = parse_value(value_text)
        attributes.append(
            Attribute(
                name=name,
                type=value.type,
                scalar=value.scalar,
                ranges=value.ranges,
                set=value.set,
                text=value.text,
            )
        )
    return attributes


def parse_value(text: str) -> Value:
    """Return the scalar, ranges or set that ``text`` looks like, or else the text itself.

    Raises:
        ParseError: It starts as ranges or as a set and does not go on as one.
    """
    if text.startswith("["):
        return Value(type=Value.Type.RANGES, ranges=_ranges(text))
    if text.startswith("{"):
        if not text.endswith("}"):
            raise ParseError(f"{text!r} is not a set: the closing brace is missing")
        items = [item.strip() for item in text[1:-1].split(",") if item.strip()]
        return Value(type=Value.Type.SET, set=Value.Set(item=items))
    try:
        number = float(text)
    except ValueError:
        return Value(type=Value.Type.TEXT, text=Value.Text(value=text))
    if not math.isfinite(number):
        return Value(type=Value.Type.TEXT, text=Value.Text(value=text))
    return Value(type=Value.Type.SCALAR, scalar=Value.Scalar(value=number))


def _parts(text: str) -> list[str]:
    return [part for part in (part.strip() for part in re.split(r"[;\n]", text)) if part]


def _resource(part: str, default_role: str) -> Resource:
    label, colon, value_text = part.partition(":")
    found = _NAME.match(label.strip())
    if not colon or found is None or not found.group(1):
        raise ParseError(f"{part!r} is not a resource: expected name:value or name(role):value")
    value = parse_value(value_text.strip())
    if value.type is Value.Type.TEXT:
        raise ParseError(
            f"{part!r} is not a resource: {value_text.strip()!r} is neither a number"
            " nor [ranges] nor a {set}"
        )
    role = default_role if found.group(2) is None else found.group(2).strip()
    return Resource(
        name=found.group(1).strip(),
        type=value.type,
        scalar=value.scalar,
        ranges=value.ranges,
        set=value.set,
        role=role,
    )


def _ranges(text: str) -> Value.Ranges:
    if not text.endswith("]"):
        raise ParseError(f"{text!r} is not a list of ranges: the closing bracket is missing")
    pairs: list[Value.Range] = []
    for part in text[1:-1].split(","):
        if not part.strip():
            continue
        found = _RANGE.match(part.strip())
        if found is None:
            raise ParseError(f"{part.strip()!r} in {text!r} is not a range: expected begin-end")
        begin, end = int(found.group(1)), int(found.group(2))
        if end >= 2**64:
            raise ParseError(f"{end} in {text!r} does not fit into 64 bits")
        pairs.append(Value.Range(begin=begin, end=end))
    return Value.Ranges(range=pairs)


def _messages_from_json(text: str, default_role: str) -> list[Resource]:
    try:
        items = parse(text.encode(errors="surrogateescape"))
    except DecodeError as error:
        raise ParseError(f"resources {error}") from None
    if not isinstance(items, list):
        raise ParseError(f"expected a JSON list of resources, got {quote(items)}")
    messages: list[Resource] = []
    for index, item in enumerate(items):
        try:
            message = from_builtins(Resource, item)
        except DecodeError as error:
            raise ParseError(f"resource number {index + 1}: {error}") from None
        if message.role is None and not message.reservations:
            message = msgspec.structs.replace(message, role=default_role)
        messages.append(message)
    return messages


def _not_an_agents_own(message: Resource) -> str | None:
    """Return what an agent cannot be started with: things that only operations bring about."""
    if any(each.type is ReservationType.DYNAMIC for each in reservations_of(message)):
        return f"resource {message.name!r}: an agent cannot start with a dynamic reservation"
    if message.disk is not None and message.disk.persistence is not None:
        return f"resource {message.name!r}: an agent cannot start with a persistent volume"
    return None
