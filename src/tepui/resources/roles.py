"""Names of roles: what they may look like, and which lies below which."""

from __future__ import annotations

from collections.abc import Iterator

ANYBODY = "*"
LEVELS_MAX = 128
"""How deep roles may lie; the tree of roles is walked for each of its nodes."""

_FORBIDDEN = frozenset("\t\n\v\f\r \x7f")


def problem_with_role(role: str) -> str | None:
    """Return what is wrong with the name of a role, if anything."""
    if role == ANYBODY:
        return None
    if not role:
        return "a role needs a name"
    if role.startswith("/"):
        return f"role {role!r} starts with a slash"
    if role.endswith("/"):
        return f"role {role!r} ends with a slash"
    if "//" in role:
        return f"role {role!r} has two slashes in a row"
    if role.count("/") >= LEVELS_MAX:
        return f"role {role[:64]!r}… has more than {LEVELS_MAX} levels"
    for part in role.split("/"):
        problem = _problem_with_part(part)
        if problem is not None:
            return f"role {role!r} {problem}"
    return None


def is_subrole(role: str, ancestor: str) -> bool:
    """Tell whether ``role`` lies strictly below ``ancestor``."""
    return role.startswith(ancestor) and role[len(ancestor) : len(ancestor) + 1] == "/"


def lineage(role: str) -> Iterator[str]:
    """Iterate the ancestors of ``role`` from the top, and at last the role itself."""
    at = role.find("/")
    while at != -1:
        yield role[:at]
        at = role.find("/", at + 1)
    yield role


def _problem_with_part(part: str) -> str | None:
    if part in (".", ".."):
        return f"has the part {part!r}"
    if part == ANYBODY:
        return "has a '*' that does not stand alone"
    if part.startswith("-"):
        return f"has the part {part!r}, which starts with a dash"
    if any(character in _FORBIDDEN for character in part):
        return "contains white space or a control character"
    return None
