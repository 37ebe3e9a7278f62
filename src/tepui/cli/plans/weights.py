"""Which weights roles are to have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tepui.cli.changing import Change
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.master.validation.weights import validate_weights
from tepui.messages import WeightInfo
from tepui.messages.master import Call


def parse_weights(given: Iterable[str]) -> list[WeightInfo]:
    """Return the weights of ``dev=2``, ``production=3.5``.

    Raises:
        CommandFailed: One is not a role and a number, or a role is named twice.
    """
    weights: dict[str, float] = {}
    for text in given:
        role, _, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = float("nan")
        # What JSON cannot say never gets as far as the master's own check.
        if not role or not abs(weight) < float("inf"):
            raise CommandFailed(f"{text!r} is no weight: expected ROLE=NUMBER", EX_USAGE)
        if role in weights:
            raise CommandFailed(f"role {role!r} is named twice", EX_USAGE)
        weights[role] = weight
    return [WeightInfo(role=role, weight=weight) for role, weight in weights.items()]


def setting(weights: list[WeightInfo], allowed_roles: Sequence[str] | None) -> Change:
    """Return the change that sets weights."""
    found = validate_weights(weights, allowed_roles)
    named = ", ".join(f"{each.role}={each.weight:g}" for each in weights)
    update = Call.UpdateWeights(weight_infos=weights)
    return Change(
        call=Call(type=Call.Type.UPDATE_WEIGHTS, update_weights=update),
        intent=f"set the weights {named}",
        refusal=None if found is None else found.message,
    )
