"""What a daemon answers before it is composed: the port is bound first, because its number is
part of what the daemon says about itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tepui.http.link import GOING_AWAY, Link
from tepui.http.messages import Answer, Handler, Request, text_response


class Gate:
    """Closed, it answers 503; open, it hands everything on."""

    def __init__(self) -> None:
        self._handler: Handler | None = None
        self._serve_link: Callable[[Link], Awaitable[None]] | None = None

    def open(
        self, handler: Handler, serve_link: Callable[[Link], Awaitable[None]] | None = None
    ) -> None:
        """Hand requests to ``handler`` and links to ``serve_link`` from now on."""
        self._handler = handler
        self._serve_link = serve_link

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request."""
        if self._handler is None:
            return text_response(503, "Not ready yet")
        return self._handler(request)

    async def serve_link(self, link: Link) -> None:
        """Take a link."""
        if self._serve_link is None:
            link.close(GOING_AWAY, "not ready yet")
            await link.wait_closed()
        else:
            await self._serve_link(link)
