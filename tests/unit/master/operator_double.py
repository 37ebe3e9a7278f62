"""An operator who asks the endpoints of a master whose core is in conversation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tepui.base.errors import Rejected, Unavailable
from tepui.http.files import Files
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router
from tepui.master.core.events import AnyEvent
from tepui.master.endpoints import EndpointContext, register

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
FLAGS = {"port": "5050", "cluster": "test"}


class CoreDriver:
    """Hands operators' requests to the core, whose registry stores at once."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.streams: list[str] = []

    async def ask(self, make: Callable[[int], AnyEvent]) -> Response:
        """Return what the core answers."""
        self.cluster.answers.clear()
        self.cluster.handle(make(77))
        [answer] = self.cluster.answers
        assert answer.request_id == 77
        return Response(answer.status, answer.text.encode())

    def subscribe_operator(self, media_type: str) -> Response:
        """Note that somebody subscribes."""
        self.streams.append(media_type)
        return Response(200, content_type=media_type)


class Operator:
    """Asks the endpoints of a cluster's master."""

    def __init__(self, cluster: Any, files: Files | None = None) -> None:
        self.router = Router("master")
        self.driver = CoreDriver(cluster)
        context = EndpointContext(
            driver=self.driver,
            flags=FLAGS,
            files=files or Files(),
            wall_clock=lambda: cluster.now.wall,
            monotonic_clock=lambda: cluster.now.monotonic,
            leader=lambda: cluster.state.master_info,
        )
        register(self.router, cluster.core, context)

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        """Return the answer; a refusal as the server would turn it into one."""
        request = Request(method, target, Headers.of(headers or {}), body)
        try:
            answer = self.router(request)
            if not isinstance(answer, Response):
                answer = asyncio.run(_wait_for(answer))
        except Rejected as error:
            return Response(error.status, error.message.encode(), error.headers)
        except Unavailable as error:
            return Response(503, str(error).encode())
        assert isinstance(answer, Response)
        return answer

    def get(self, target: str) -> Response:
        """Make a GET request."""
        return self.ask("GET", target)

    def json(self, target: str) -> Any:
        """Return what a legacy endpoint says."""
        answer = self.get(target)
        assert (answer.status, answer.content_type) == (200, "application/json")
        return json.loads(answer.body)

    def call(self, call: dict[str, Any], **headers: str) -> Response:
        """Make a call of the v1 API."""
        return self.ask("POST", "/api/v1", json.dumps(call).encode(), JSON_HEADERS | headers)


async def _wait_for(answer: Any) -> Any:
    return await answer
