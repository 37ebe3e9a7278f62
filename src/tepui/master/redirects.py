"""Where a master that does not lead sends those who ask it."""

from __future__ import annotations

from collections.abc import Callable

from tepui.base.errors import Unavailable
from tepui.http.messages import Request, Response
from tepui.messages import MasterInfo

Elsewhere = Callable[[Request], Response | None]
"""Returns where to ask instead, or None if it is right to ask here."""

_ACTOR = "/master"


def redirection(leader: MasterInfo | None, target: str = "") -> Response:
    """Return the answer that leads to ``target`` at the leader.

    Raises:
        Unavailable: No leader is known.
    """
    if leader is None:
        raise Unavailable("No leading master is known")
    # As Mesos does, which has handed the request to its actor by then.
    path = target if not target or target.startswith(f"{_ACTOR}/") else _ACTOR + target
    location = f"//{leader.hostname or leader.id}:{leader.port}{path}"
    return Response(307, headers=(("Location", location),))


def redirecting(
    is_leading: Callable[[], bool], leader: Callable[[], MasterInfo | None]
) -> Elsewhere:
    """Return what sends requests to ``leader`` while this master does not lead."""

    def elsewhere(request: Request) -> Response | None:
        return None if is_leading() else redirection(leader(), request.raw_target)

    return elsewhere
