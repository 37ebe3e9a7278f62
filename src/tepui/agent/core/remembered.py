"""What an agent has to remember of its resources: what only operations bring about.

An agent may have thousands of reservations, of which an operation changes one or two: the others
are not described again.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tepui.messages import Resource
from tepui.resources import Resources
from tepui.resources.conversions import Amount, ReservationType
from tepui.resources.keys import Key

_encode = msgspec.msgpack.Encoder().encode


class _Described(NamedTuple):
    amount: Amount
    messages: list[Resource]
    size: int


class Remembered:
    """Describes what is to be stored of a total; each total is likely to be like the one before."""

    __slots__ = ("_described",)

    def __init__(self) -> None:
        self._described: dict[Key, _Described] = {}

    def describe(self, total: Resources) -> tuple[list[Resource], int]:
        """Return what of ``total`` is to be stored, and how many bytes that takes."""
        before = self._described
        self._described = {}
        messages: list[Resource] = []
        size = 0
        for key, amount in total.entries():
            described = before.get(key)
            if described is None or described.amount != amount:
                described = _describe(key, amount)
            self._described[key] = described
            messages += described.messages
            size += described.size
        return messages, size


def checkpointed(resources: Resources) -> Resources:
    """Return what only operations bring about: what an agent has to remember by itself."""
    return resources.filter(
        lambda key: (
            key.persistence_id is not None
            or any(each.type is ReservationType.DYNAMIC for each in key.reservations)
        )
    )


def _describe(key: Key, amount: Amount) -> _Described:
    messages = checkpointed(Resources({key: amount})).to_messages()
    return _Described(amount, messages, sum(len(_encode(each)) for each in messages))
