"""What makes two resources the same kind of thing: everything about them but the amount.

Keys are interned: equal keys are one object, so that looking one up costs no more than
comparing addresses. Volumes are the exception. A volume is the same whatever path it is
mounted at, but each holder's description of it has to be kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from tepui.messages import Resource, Value
from tepui.resources.roles import ANYBODY


class Reservation(NamedTuple):
    """One level of a reservation stack."""

    type: Resource.ReservationInfo.Type
    role: str
    principal: str | None = None
    labels: tuple[tuple[str, str | None], ...] | None = None
    """Sorted: Mesos compares labels without regard to their order."""


class Key:
    """Everything that identifies a resource, besides how much there is of it.

    Attributes:
        name: ``cpus``, ``mem``, …
        kind: Whether amounts are scalars, ranges or sets.
        reservations: From the outermost role to the most refined; empty if unreserved.
        allocation_role: The role it is offered or allocated to, if any.
        revocable: Whether it may be taken back at any time.
        shared: Whether several tasks may use it at once.
        provider_id: The resource provider that it comes from, if any.
        disk: What kind of disk it is, if it says so.
        size: The thousandths of one copy, where copies are counted rather than added up:
            a disk that cannot be split, or a shared volume. ``None`` for everything else.
    """

    __slots__ = (
        "__weakref__",
        "allocation_role",
        "disk",
        "kind",
        "name",
        "provider_id",
        "reservations",
        "revocable",
        "shared",
        "size",
    )

    name: str
    kind: Value.Type
    reservations: tuple[Reservation, ...]
    allocation_role: str | None
    revocable: bool
    shared: bool
    provider_id: str | None
    disk: Resource.DiskInfo | None
    size: int | None

    @property
    def role(self) -> str:
        """The role that it is reserved to, or ``*``."""
        return self.reservations[-1].role if self.reservations else ANYBODY

    @property
    def persistence_id(self) -> str | None:
        """The id of the persistent volume that this is, if it is one."""
        if self.disk is None or self.disk.persistence is None:
            return None
        return self.disk.persistence.id

    def replace(self, **changes: Any) -> Key:
        """Return the key that differs from this one in ``changes``."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        return make_key(**(fields | changes))

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy must be the interned object again.
        return (_make_key_from, tuple(getattr(self, name) for name in _FIELDS))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={value!r}"
            for name in _FIELDS
            if (value := getattr(self, name)) not in (None, ())
        )
        return f"Key({shown})"


class VolumeKey(Key):
    """A persistent volume: known by its id, however its holder mounts it."""

    __slots__ = ("_identity",)

    _identity: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VolumeKey) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


_FIELDS = (
    "name",
    "kind",
    "reservations",
    "allocation_role",
    "revocable",
    "shared",
    "provider_id",
    "disk",
    "size",
)
_interned: WeakValueDictionary[tuple[Any, ...], Key] = WeakValueDictionary()


def make_key(
    *,
    name: str,
    kind: Value.Type = Value.Type.SCALAR,
    reservations: tuple[Reservation, ...] = (),
    allocation_role: str | None = None,
    revocable: bool = False,
    shared: bool = False,
    provider_id: str | None = None,
    disk: Resource.DiskInfo | None = None,
    size: int | None = None,
) -> Key:
    """Return the one key with these fields."""
    plain = (name, kind, reservations, allocation_role, revocable, shared, provider_id)
    if disk is not None and disk.persistence is not None:
        volume = VolumeKey()
        volume._identity = (*plain, _encoded(disk.source), disk.persistence.id, size)
        return _filled(volume, plain, disk, size)
    identity = (*plain, _encoded(disk), size)
    key = _interned.get(identity)
    if key is None:
        key = _filled(Key(), plain, disk, size)
        _interned[identity] = key
    return key


@lru_cache(maxsize=4096)
def simple_key(name: str, kind: Value.Type, allocation_role: str | None) -> Key:
    """Return the key of an unreserved, ordinary resource."""
    return make_key(name=name, kind=kind, allocation_role=allocation_role)


def allocated_key(key: Key, role: str | None) -> Key:
    """Return ``key`` as allocated to ``role``, or to nobody."""
    if key.allocation_role == role:
        return key
    if type(key) is VolumeKey:
        # The cache would return another holder's description of the same volume.
        return key.replace(allocation_role=role)
    return same_key(key, role)


@lru_cache(maxsize=16384)
def same_key(key: Key, role: str | None) -> Key:
    """Return ``key``, which is no volume's, as allocated to ``role``, or to nobody."""
    return key.replace(allocation_role=role)


def _filled(
    key: Key, plain: tuple[Any, ...], disk: Resource.DiskInfo | None, size: int | None
) -> Key:
    for name, value in zip(_FIELDS, plain, strict=False):
        setattr(key, name, value)
    key.disk = disk
    key.size = size
    return key


def _make_key_from(*values: Any) -> Key:
    return make_key(**dict(zip(_FIELDS, values, strict=True)))


def _encoded(part: msgspec.Struct | None) -> bytes | None:
    return None if part is None else msgspec.msgpack.encode(part)
