"""What somebody asks, from the parameters of the request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tepui.allocator import Question
from tepui.base.errors import Rejected
from tepui.resources import Quantities
from tepui.resources.roles import problem_with_role
from tepui.resources.scalars import to_millis

RESOURCES_MAX = 32
"""Resources that one question may name."""

_NOT_RESOURCES = ("framework_id", "role", "jsonp")
_SHOWN_MAX = 64


def read_question(parameters: Mapping[str, Sequence[str]]) -> Question:
    """Return what is asked: about a framework or a role, and for how much of what.

    Raises:
        Rejected: A parameter is missing, doubled or senseless.
    """
    framework_id = _text(parameters, "framework_id")
    role = _text(parameters, "role")
    if framework_id is None and role is None:
        raise Rejected("framework_id or role is required: whom is it about?")
    if framework_id is not None and role is not None:
        raise Rejected(
            f"framework_id {_shown(framework_id)} and role {_shown(role)} exclude each other"
        )
    if role is not None and (problem := problem_with_role(role)) is not None:
        raise Rejected(f"role: {problem}")
    names = [name for name in parameters if name not in _NOT_RESOURCES]
    if len(names) > RESOURCES_MAX:
        raise Rejected(f"{len(names)} resources are named, and {RESOURCES_MAX} may be")
    request = {name: _amount(name, _one(parameters, name)) for name in names}
    # What is less than a thousandth is nothing, as everywhere.
    millis = {name: to_millis(amount) for name, amount in request.items()}
    needed = Quantities({name: amount for name, amount in millis.items() if amount})
    return Question(framework_id=framework_id, role=role, request=needed)


def _text(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    if name not in parameters:
        return None
    value = _one(parameters, name)
    if not value:
        raise Rejected(f"{name} is empty")
    return value


def _one(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    values = parameters[name]
    if len(values) > 1:
        raise Rejected(f"{_shown(name)} is given {len(values)} times")
    return values[0]


def _amount(name: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    # Of a resource's amount, nothing that only Python takes for a number: "1_000", "nan", "inf".
    if not math.isfinite(amount) or "_" in text:
        raise Rejected(
            f"{_shown(name)} is {_shown(text)}, which is no amount of a resource; besides "
            "framework_id and role, each parameter names one"
        )
    if amount < 0:
        raise Rejected(f"{_shown(name)} is {_shown(text)}, and no task needs less than nothing")
    return amount


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…")
