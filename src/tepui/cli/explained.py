"""What the master's ``/api/explain`` says, as rows of tables."""

from __future__ import annotations

import msgspec

from tepui.base.waits import format_wait


class _AsOf(msgspec.Struct, frozen=True):
    ended: float


class _Near(msgspec.Struct, frozen=True):
    hostname: str
    lacking: dict[str, float]


class _Filters(msgspec.Struct, frozen=True):
    first_ends: float | None
    last_ends: float | None
    until_next_pass: int


class _Cause(msgspec.Struct, frozen=True):
    cause: str
    agents: int
    of: dict[str, int]
    of_left_out: int
    nearest: list[_Near]
    filters: _Filters | None = None


class _Place(msgspec.Struct, frozen=True):
    name: str
    weight: float
    share: float
    dominant_resource: str | None
    competitors: int
    ahead: int | None
    first: str | None
    first_weighted_share: float | None


class _Quota(msgspec.Struct, frozen=True):
    role: str
    guarantees: dict[str, float]
    limits: dict[str, float]
    consumed: dict[str, float]


class _Client(msgspec.Struct, frozen=True):
    role: str
    framework_id: str | None
    framework_name: str | None
    order: list[_Place]
    quota: _Quota | None
    causes: list[_Cause]

    @property
    def framework(self) -> str:
        return self.framework_name or self.framework_id or "-"


class Explained(msgspec.Struct, frozen=True):
    """The whole answer, as far as it is shown.

    Attributes:
        answer: In words, with what can be done about it in ``advice``.
    """

    as_of: _AsOf
    answer: str
    advice: list[str]
    clients: list[_Client]
    clients_left_out: int
    framework_names: dict[str, str]

    def causes(self) -> list[tuple[str, ...]]:
        """Return a row for each cause of each framework in a role."""
        return [
            (
                client.role,
                client.framework,
                cause.cause.lower().replace("_", " "),
                str(cause.agents),
                self._about(cause),
                _nearest(cause),
            )
            for client in self.clients
            for cause in client.causes
        ]

    def order(self) -> list[tuple[str, ...]]:
        """Return a row for each step from the top of the tree of roles down to a framework."""
        return [
            (
                client.role,
                client.framework,
                place.name,
                _share(place),
                f"{place.weight:g}",
                "by chance" if place.ahead is None else f"{place.ahead} of {place.competitors}",
                _first(place),
            )
            for client in self.clients
            for place in client.order
        ]

    def quotas(self) -> list[tuple[str, ...]]:
        """Return a row for each resource in the quota of a role; each role once."""
        by_role = {each.quota.role: each.quota for each in self.clients if each.quota is not None}
        return [
            (
                quota.role,
                name,
                _number(quota.consumed.get(name, 0)),
                _number(quota.guarantees[name]) if name in quota.guarantees else "-",
                _number(quota.limits[name]) if name in quota.limits else "-",
            )
            for quota in by_role.values()
            for name in sorted({*quota.guarantees, *quota.limits})
        ]

    def _about(self, cause: _Cause) -> str:
        parts = [self.framework_names.get(name, name) for name in cause.of]
        if cause.of_left_out:
            parts.append(f"{cause.of_left_out} more")
        if cause.filters is not None:
            parts += self._ends(cause.filters)
        return ", ".join(parts)

    def _ends(self, filters: _Filters) -> list[str]:
        parts = []
        if filters.first_ends is not None and filters.last_ends is not None:
            ended = self.as_of.ended
            wait = format_wait(filters.first_ends - ended, filters.last_ends - ended)
            parts.append(f"{wait} more")
        if filters.until_next_pass:
            parts.append("until the next periodic pass")
        return parts


class _RoleReason(msgspec.Struct, frozen=True):
    role: str
    reason: str


class RoleReasons(msgspec.Struct, frozen=True):
    """Of each role, in short, why it may be waiting."""

    roles: list[_RoleReason]

    def by_role(self) -> dict[str, str]:
        """Return the reasons by the roles' names."""
        return {each.role: each.reason for each in self.roles}


def _nearest(cause: _Cause) -> str:
    if not cause.nearest:
        return ""
    near = cause.nearest[0]
    lacking = ";".join(f"{name}:{_number(amount)}" for name, amount in near.lacking.items())
    return f"{near.hostname} lacks {lacking}" if lacking else near.hostname


def _share(place: _Place) -> str:
    of = "" if place.dominant_resource is None else f" of {place.dominant_resource}"
    return f"{place.share:.1%}{of}"


def _first(place: _Place) -> str:
    if place.first is None or place.first_weighted_share is None:
        return ""
    return f"{place.first} at {place.first_weighted_share:.1%}"


def _number(amount: float) -> str:
    return f"{amount:.3f}".rstrip("0").rstrip(".")
