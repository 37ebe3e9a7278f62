"""Lends what the operator says, whatever is used."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.agent.core.oversubscription.interface import Reading
from tepui.agent.core.oversubscription.parameters import Parameters
from tepui.base.time import Instant
from tepui.resources import ParseError, Resources, parse_resources


class FixedEstimator:
    """The parameter ``resources`` says what may be lent in all, as ``--resources`` does."""

    is_measuring = False

    def __init__(self, parameters: Mapping[str, str]) -> None:
        taken = Parameters(parameters)
        text = taken.text("resources")
        taken.finish()
        if text is None:
            raise ValueError("resources: has to say what may be lent, such as 'cpus:14'")
        try:
            said = parse_resources(text)
        except ParseError as error:
            raise ValueError(f"resources: {error}") from None
        for key, _ in said.entries():
            if key.reservations or key.shared or key.disk is not None:
                what = "reserved" if key.reservations else "a disk with a source or a volume"
                raise ValueError(f"resources: {key.name} is {what}, and cannot be lent")
        self._all = revocable(said)

    def estimate(self, reading: Reading, now: Instant) -> Resources:
        """Return what of it is not lent."""
        del now
        return self._all - reading.lent()


def revocable(resources: Resources) -> Resources:
    """Return ``resources`` as something that may be taken back."""
    marked = Resources()
    for key, amount in resources.entries():
        marked += Resources({key.replace(revocable=True): amount})
    return marked
