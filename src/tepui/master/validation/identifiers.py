"""Names that clients choose: ids and roles.

The rules stand in `tepui.resources`, which agents and flags use too; here their words become
problems.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tepui.master.validation.problem import Problem, shorten
from tepui.resources.roles import problem_with_role
from tepui.resources.validation import problem_with_id

# What nearly every id looks like.
_ORDINARY_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,254}")


def validate_id(value: str, field: str) -> Problem | None:
    """Check an id of a task, executor, agent, framework or volume by the rules ``id.*``."""
    if _ORDINARY_ID.fullmatch(value):
        return None
    return _problem("id", field, value, problem_with_id(value))


@lru_cache(maxsize=4096)
def validate_role(role: str, field: str = "role") -> Problem | None:
    """Check the name of a role by the rules ``role.*``."""
    return _problem("role", field, role, problem_with_role(role))


def _problem(rule: str, field: str, value: str, words: str | None) -> Problem | None:
    if words is None:
        return None
    return Problem(rule=rule, field=field, value=shorten(value), message=f"{field}: {words}")
