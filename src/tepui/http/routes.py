"""Which handler serves a path: actors, delegation and longest prefixes, as Mesos routes.

The first segment of a path names an actor (``master``, ``slave(1)``, ``files``, ``metrics``). A
path that begins with none belongs to the main actor: ``/state`` is ``/master/state``. Below that
the longest registered path wins, so that ``/state/x`` is served by ``/state``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

import msgspec

from tepui.base.errors import Rejected
from tepui.http.messages import Answer, Handler, Request, text_response


class Route(msgspec.Struct, frozen=True):
    """One registered path."""

    path: str
    handler: Handler
    #: Paths below this one are not its own.
    exact: bool = False


class Router:
    """A handler that hands each request to the one its path belongs to.

    Example:
        >>> router = Router("master")
        >>> router.add("/master/state", lambda request: text_response(200, request.rest))
        >>> route, rest = router.match("/state/x")
        >>> route.path, rest
        ('/master/state', 'x')
    """

    def __init__(self, main_actor: str, *, disabled_paths: Iterable[str] = ()) -> None:
        """Begin with no routes.

        Args:
            main_actor: Who serves the paths that name no actor.
            disabled_paths: Routes that the firewall closes: they answer 403.
        """
        self._main_actor = main_actor
        self._actors = {main_actor}
        self._routes: dict[str, Route] = {}
        self._disabled_paths = tuple(disabled_paths)
        self._disabled: frozenset[str] = frozenset()
        # Every route by its whole path, and without the main actor: the usual way to ask.
        self._direct: dict[str, Route] = {}

    def add(self, path: str, handler: Handler, *, exact: bool = False) -> None:
        """Serve ``path``, which begins with its actor, and what lies below it."""
        segments = _segments(path)
        self._actors.add(segments[0])
        key = "/" + "/".join(segments)
        self._routes[key] = Route(key, handler, exact)
        self._direct = self._direct_routes()
        closed = (self.match(path) for path in self._disabled_paths)
        self._disabled = frozenset(found[0].path for found in closed if found and not found[1])

    def match(self, path: str) -> tuple[Route, str] | None:
        """The route of a decoded path, and what the path holds beyond it."""
        direct = self._direct.get(path)
        if direct is not None:
            return direct, ""
        if "/.." in path:
            return None
        segments = _segments(path)
        if not segments or segments[0] not in self._actors:
            segments.insert(0, self._main_actor)
        for length in range(len(segments), 0, -1):
            route = self._routes.get("/" + "/".join(segments[:length]))
            if route is not None and (not route.exact or length == len(segments)):
                return route, "/".join(segments[length:])
        return None

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        """Serve ``request``; 404 where nothing is registered, 403 where it is closed."""
        matched = self.match(request.path)
        if matched is None:
            return text_response(404, f"Nothing is served at {request.path}")
        route, request.rest = matched
        request.route = route.path
        if route.path in self._disabled:
            raise Rejected(f"{route.path} is disabled by the firewall rules", 403)
        return route.handler(request)

    def _direct_routes(self) -> dict[str, Route]:
        routes = dict(self._routes)
        prefix = f"/{self._main_actor}/"
        for path, route in self._routes.items():
            rest = path.removeprefix(prefix)
            if rest != path and rest.partition("/")[0] not in self._actors:
                routes["/" + rest] = route
        return routes


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]
