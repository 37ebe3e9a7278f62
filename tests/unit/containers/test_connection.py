"""An agent's end of the supervisor's socket."""

from __future__ import annotations

import asyncio
from typing import Any

from tepui.containers.connection import SupervisorConnection
from tepui.containers.supervisor.frames import encode


def test_news_that_come_with_the_answer_to_the_hello_are_not_lost() -> None:
    async def story() -> None:
        connection = SupervisorConnection()
        connection.connection_made(asyncio.Transport())
        exited = [{"container_id": name, "status": 0, "at": 1.0} for name in ("a", "b", "c")]
        heard: list[dict[str, Any]] = []
        news = [{"exited": each} for each in exited]
        connection.data_received(encode(news[0]) + encode(news[1]))
        connection.listen(heard.append, None)
        assert heard == exited[:2]
        connection.data_received(encode(news[2]))
        assert heard == exited

    asyncio.run(story())


def test_a_connection_that_broke_before_anybody_listened_is_told_to_be_lost() -> None:
    async def story() -> None:
        connection = SupervisorConnection()
        connection.connection_made(asyncio.Transport())
        connection.connection_lost(None)
        lost: list[bool] = []
        connection.listen(lambda exited: None, lambda: lost.append(True))
        assert lost == [True]

    asyncio.run(story())
