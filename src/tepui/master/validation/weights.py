"""Weights that operators set."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from tepui.master.validation.identifiers import validate_role
from tepui.master.validation.problem import Problem, problem, within
from tepui.messages import WeightInfo

WEIGHTS_MAX = 10_000
"""How many roles one call may name."""

ROLE_BYTES_MAX = 1024
"""How long the name of a role with a weight may be: the registry keeps it, and all are shown."""


def validate_weights(
    weights: Sequence[WeightInfo], allowed_roles: Sequence[str] | None
) -> Problem | None:
    """Check an update by the rules ``operator.weights.*``; the first problem counts.

    Args:
        allowed_roles: The only roles that there may be, if the operator of the master said so.
    """
    if len(weights) > WEIGHTS_MAX:
        reason = f"are more than the {WEIGHTS_MAX} that one call may have"
        return problem("operator.weights.role", "weight_infos", len(weights), reason)
    for index, info in enumerate(weights):
        field = f"weight_infos[{index}]"
        role = info.role or ""
        if len(role.encode("utf-8", "surrogatepass")) > ROLE_BYTES_MAX:
            reason = f"is longer than {ROLE_BYTES_MAX} bytes"
            return problem("operator.weights.role", f"{field}.role", role, reason)
        found = validate_role(role)
        if found is not None:
            return within("operator.weights.role", field, found)
        if allowed_roles is not None and role != "*" and role not in allowed_roles:
            return problem(
                "operator.weights.whitelist", f"{field}.role", role, "is not one of --roles"
            )
        if not (info.weight > 0 and math.isfinite(info.weight)):
            found = problem(
                "operator.weights.positive",
                f"{field}.weight",
                info.weight,
                "is not a finite number above 0",
            )
            return replace(found, message=f"{found.message}; it was meant for the role {role!r}")
    return None
