"""Resources as the legacy endpoints of masters and agents show them, encoded."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from tepui.codec import legacy
from tepui.resources.conversions import ReservationFormat
from tepui.resources.formatting import legacy_resources
from tepui.resources.resources import Resources

_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=4096)
def encoded_resources(resources: Resources) -> bytes:
    """Return the sums by name; many tasks ask for the same."""
    return _encoder.encode(legacy_resources(resources))


def encoded_reservations(total: Resources) -> bytes:
    """Return the sums by name for each role that something is reserved to."""
    return legacy.join_object(
        (role, encoded_resources(part)) for role, part in total.reservations().items()
    )


def encoded_full(resources: Resources) -> bytes:
    """Return every resource as a message, in both formats of reservations."""
    return _encoder.encode(resources.to_messages(format=ReservationFormat.ENDPOINT))


def encoded_full_reservations(total: Resources) -> bytes:
    """Return every reserved resource as a message, by role."""
    return legacy.join_object(
        (role, encoded_full(part)) for role, part in total.reservations().items()
    )
