"""What is wrong with a message, as data."""

from __future__ import annotations

import msgspec

_SHOWN_MAX = 120


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One broken rule.

    Attributes:
        rule: The rule's id in the table of rules, such as ``task.id_dup``.
        field: The path of the field that breaks it.
        value: What stands there, shortened.
        message: A sentence that names both.
        status: The HTTP status, where the answer is one.
        cause: The innermost rule, where ``rule`` is broken because of another one.
    """

    rule: str
    field: str
    value: str
    message: str
    status: int = 400
    cause: str = ""


def problem(rule: str, field: str, value: object, reason: str, *, status: int = 400) -> Problem:
    """Say that ``field`` breaks ``rule`` because of ``reason``, which continues the sentence."""
    shown = shorten(value)
    return Problem(
        rule=rule,
        field=field,
        value=shown,
        message=f"{field} {shown} {reason}" if shown else f"{field} {reason}",
        status=status,
    )


def within(outer: str, field: str, inner: Problem) -> Problem:
    """Say that ``outer`` is broken because ``inner`` is, inside ``field``."""
    return Problem(
        rule=outer,
        field=f"{field}.{inner.field}" if inner.field else field,
        value=inner.value,
        message=f"{field}: {inner.message}",
        status=inner.status,
        cause=inner.cause or inner.rule,
    )


def shorten(value: object) -> str:
    """Return ``value`` as it is shown in a message: quoted if text, never long."""
    if value is None:
        return ""
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"
