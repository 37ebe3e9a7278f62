"""Take a JSON answer for what it should be."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from tepui.sdk.errors import BadAnswer

T = TypeVar("T")


def typed(value: object, kind: type[T]) -> T:
    """Return ``value`` as a ``kind``.

    Raises:
        BadAnswer: It is none.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the master's answer is not what it should be: {error}") from error
