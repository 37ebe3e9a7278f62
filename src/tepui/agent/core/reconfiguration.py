"""What may differ about an agent that starts again: nothing, or only more than there was.

The master, frameworks and tasks rely on what an agent said of itself. What is added to it hurts
nobody; what is taken away or changed may.
"""

from __future__ import annotations

import enum

import msgspec

from tepui.messages import AgentInfo, Attribute, Value
from tepui.resources import Resources, format_resources
from tepui.resources.formatting import describe_resources, legacy_attributes
from tepui.resources.ranges import Ranges, contains, normalize


class Policy(enum.Enum):
    """The values of ``--reconfiguration_policy``."""

    EQUAL = "equal"
    ADDITIVE = "additive"


def refused_changes(
    stored: AgentInfo, given: AgentInfo, policy: Policy, *, is_port_fixed: bool
) -> list[str]:
    """Say what of an agent has changed although ``policy`` does not permit it.

    Args:
        stored: What the agent was when it was last admitted.
        given: What it is now.
        policy: What may be different.
        is_port_fixed: Whether the port was asked for; one that was free is not compared.
    """
    refused: list[str] = []
    if stored.hostname != given.hostname:
        refused.append(_changed("hostname", stored.hostname, given.hostname))
    if is_port_fixed and stored.port != given.port:
        refused.append(_changed("port", stored.port, given.port))
    is_added = policy is Policy.ADDITIVE and stored.domain is None
    if stored.domain != given.domain and not is_added:
        refused.append(_changed("domain", _text(stored.domain), _text(given.domain)))
    before, now = (Resources.from_messages(info.resources) for info in (stored, given))
    if policy is Policy.EQUAL:
        if before != now:
            refused.append(_changed("resources", _resources(before), _resources(now)))
        if _sorted(stored.attributes) != _sorted(given.attributes):
            attributes = (_attributes(stored.attributes), _attributes(given.attributes))
            refused.append(_changed("attributes", *attributes))
        return refused
    if not now.contains(before):
        refused.append(f"resources lack {describe_resources(before - now)} of what there was")
    lost = [
        attribute
        for attribute in stored.attributes
        if not any(_keeps(attribute, each) for each in given.attributes)
    ]
    if lost:
        now_there = _attributes(given.attributes)
        refused.append(f"attributes lack {_attributes(lost)} of what there was: {now_there}")
    return refused


def _keeps(before: Attribute, now: Attribute) -> bool:
    """Tell whether who chose the agent by an attribute would still do so."""
    if (before.name, before.type) != (now.name, now.type):
        return False
    if before.type is Value.Type.RANGES:
        return contains(_ranges(now), _ranges(before))
    return before == now


def _ranges(attribute: Attribute) -> Ranges:
    pairs = attribute.ranges.range if attribute.ranges is not None else []
    return normalize((each.begin, each.end) for each in pairs)


def _sorted(attributes: list[Attribute]) -> list[bytes]:
    return sorted(msgspec.msgpack.encode(each) for each in attributes)


def _changed(name: str, before: object, now: object) -> str:
    return f"{name} was {before}, and is {now}"


def _text(value: object) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()


def _resources(resources: Resources) -> str:
    try:
        return format_resources(resources) or "none"
    except ValueError:  # more than the text form can say
        return _text(resources.to_messages())


def _attributes(attributes: list[Attribute]) -> str:
    return ";".join(f"{name}:{value}" for name, value in legacy_attributes(attributes)) or "none"
