"""Shapes of JSON values: what is compared of a recorded answer and ours.

A shape is a tree: an object's keys, ``[shape]`` for a list (its elements merged), and
``str``, ``num``, ``bool`` or ``null`` for a leaf. A key that only some elements of a list
have ends in ``?``. The constants of a few keys are kept, because they are facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# Facts rather than sentences: their values matter and are compared.
KEPT_VALUES = {"type", "state", "source", "reason"}
CONSTANT = re.compile(r"^[A-Z][A-Z_]+$")

# Parts of metrics' names that name something of one run.
_NAMES = (
    (re.compile(r"^master/frameworks/[^/]+/[^/]+/"), "master/frameworks/NAME/ID/"),
    (re.compile(r"/roles/[^/]*/"), "/roles/ROLE/"),
)


def key_without_names(key: str) -> str:
    """Return a metric's name without the names of frameworks and roles in it."""
    for pattern, replacement in _NAMES:
        key = pattern.sub(replacement, key)
    return key


def shape(value: Any, key: str = "") -> Any:
    """Return the shape of a JSON value."""
    match value:
        case dict():
            return {key_without_names(name): shape(child, name) for name, child in value.items()}
        case list():
            merged: Any = None
            for child in value:
                merged = merge(merged, shape(child, key))
            return [] if merged is None else [merged]
        case bool():
            return "bool"
        case int() | float():
            return "num"
        case str():
            return value if key in KEPT_VALUES and CONSTANT.match(value) else "str"
        case _:
            return "null"


def merge(one: Any, other: Any) -> Any:
    """Return a shape that both fit; keys that are not in both end in ``?``."""
    if one is None or one == other:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        merged: dict[str, Any] = {}
        plain_one = {name.rstrip("?"): name for name in one}
        plain_other = {name.rstrip("?"): name for name in other}
        for name in sorted({*plain_one, *plain_other}):
            if name in plain_one and name in plain_other:
                optional = plain_one[name].endswith("?") or plain_other[name].endswith("?")
                child = merge(one[plain_one[name]], other[plain_other[name]])
                merged[name + "?" * optional] = child
            else:
                holder = one[plain_one[name]] if name in plain_one else other[plain_other[name]]
                merged[name + "?"] = holder
        return merged
    if isinstance(one, list) and isinstance(other, list):
        return [merge(one[0], other[0])] if one and other else one or other
    if isinstance(one, str) and isinstance(other, str):
        return "str" if "num" not in (one, other) and "bool" not in (one, other) else "any"
    return "any"


def differences(recorded: Any, ours: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give each place where our shape is not the recorded one, as its path and what is there."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        yield from _key_differences(recorded, ours, path)
    elif isinstance(recorded, list) and isinstance(ours, list):
        if recorded and ours:
            yield from differences(recorded[0], ours[0], f"{path}[]")
        elif recorded or ours:
            yield f"{path}[]", "nothing in ours" if recorded else "nothing in the record"
    elif recorded != "any" and recorded != ours and not (recorded == "str" and _is_text(ours)):
        yield path, f"{_kind(ours)} instead of {_kind(recorded)}"


def _key_differences(
    recorded: dict[str, Any], ours: dict[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    names = {name.rstrip("?"): name for name in recorded}
    our_names = {name.rstrip("?"): name for name in ours}
    for name, marked in names.items():
        at = f"{path}.{name}"
        if name in our_names:
            if our_names[name].endswith("?") and not marked.endswith("?"):
                yield at, "missing in some of ours"
            yield from differences(recorded[marked], ours[our_names[name]], at)
        elif not marked.endswith("?"):
            yield at, "missing in ours"
    for name in our_names:
        if name not in names:
            yield f"{path}.{name}", "only in ours"


def _is_text(leaf: Any) -> bool:
    return isinstance(leaf, str) and leaf not in ("num", "bool", "null", "any")


def _kind(value: Any) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return str(value)
