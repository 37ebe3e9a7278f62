"""A fingerprint of a run: a hash over all that happened in it, core inputs and effects first.

The same scenario and seed give the same fingerprint, on any machine and under any hash seed: what
does not depends on something that was not handed in, and would be found nowhere else.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from tepui.resources import Resources
from tepui.sim.observations import CoreStepped, Observation


def _encoded(value: Any) -> Any:
    """Give msgspec a form that it knows of what it does not."""
    if isinstance(value, Resources):
        return value.to_messages()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, deque):
        return list(value)
    if isinstance(value, BaseException):
        return repr(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [
            (each.name, getattr(value, each.name))
            for each in dataclasses.fields(value)
            if each.repr
        ]
    raise NotImplementedError(f"no stable form of {type(value).__name__}")


class Trace:
    """Takes in observations one by one."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_encoded)
        self._buffer = bytearray()

    def observe(self, observation: Observation) -> None:
        """Add what happened."""
        parts: list[Any] = [type(observation).__name__]
        if type(observation) is CoreStepped:
            # Neither events nor effects carry the names of their types.
            parts += [observation.at, observation.node, observation.life]
            parts += [type(observation.event).__name__, observation.event]
            for effect in observation.effects:
                parts += [type(effect).__name__, effect]
        else:
            parts.append(observation)
        self._encoder.encode_into(parts, self._buffer)
        self._hash.update(self._buffer)

    def fingerprint(self) -> str:
        """Return the hash so far, as text."""
        return self._hash.hexdigest()
