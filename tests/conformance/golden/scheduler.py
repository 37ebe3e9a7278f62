"""A scheduler at the other end of a stream: its events, its offers, and waiting for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from golden.wire import Answer, connection, read_head, read_record

EVENT_SECONDS_MAX = 60.0
PATH = "/api/v1/scheduler"


class Scheduler:
    """One framework's stream; use it as an asynchronous context manager."""

    def __init__(
        self, url: str, headers: Mapping[str, str], subscribe: bytes, path: str = PATH
    ) -> None:
        self.answer: Answer
        self.events: list[dict[str, Any]] = []
        self.has_ended = False
        self._open = connection(url, "POST", path, headers, subscribe)
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None]
        self._outstanding: dict[str, str] = {}
        self._offers: dict[str, dict[str, Any]] = {}

    async def __aenter__(self) -> Scheduler:
        reader = await self._open.__aenter__()
        self.answer = await read_head(reader)
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(self, *reason: Any) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._open.__aexit__(None, None, None)

    @property
    def stream_id(self) -> str:
        """What the calls of this framework have to carry."""
        return self.answer.header("Mesos-Stream-Id") or ""

    async def event(self, what: str, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the first event that ``is_it``, which may be there already."""
        await self._until(what, lambda: any(is_it(event) for event in self.events))
        return next(event for event in self.events if is_it(event))

    async def update(self, task_id: str, state: str) -> dict[str, Any]:
        """Wait for the status of a task that has to be acknowledged."""

        def is_it(event: dict[str, Any]) -> bool:
            status = event.get("update", {}).get("status", {})
            said = (status.get("task_id", {}).get("value"), status.get("state"))
            return said == (task_id, state) and "uuid" in status

        event = await self.event(f"{task_id} {state}", is_it)
        status: dict[str, Any] = event["update"]["status"]
        return status

    def updates(self, task_id: str) -> list[dict[str, Any]]:
        """The updates about a task so far."""
        about = {"value": task_id}
        return [
            event
            for event in self.events
            if event.get("update", {}).get("status", {}).get("task_id") == about
        ]

    async def updates_about(self, task_id: str, count: int) -> None:
        """Wait until there are so many updates about a task."""
        await self._until(
            f"{count} updates about {task_id!r}", lambda: len(self.updates(task_id)) >= count
        )

    async def offer(
        self, agent_id: str, is_it: Callable[[dict[str, Any]], bool] = lambda offer: True
    ) -> str:
        """Wait for an offer of an agent that is still good; it stays outstanding."""

        def good() -> list[str]:
            return [
                offer
                for offer, agent in self._outstanding.items()
                if agent == agent_id and is_it(self._offers[offer])
            ]

        await self._until(f"an offer of {agent_id}", lambda: bool(good()))
        return good()[0]

    async def take_offer(
        self, agent_id: str, is_it: Callable[[dict[str, Any]], bool] = lambda offer: True
    ) -> str:
        """Wait for an offer of an agent, to be used in a call."""
        offer_id = await self.offer(agent_id, is_it)
        del self._outstanding[offer_id]
        return offer_id

    async def take(self, offer_id: str) -> None:
        """Wait for an offer, to be used in a call."""
        await self._until(f"the offer {offer_id}", lambda: offer_id in self._outstanding)
        del self._outstanding[offer_id]

    async def end(self) -> None:
        """Wait until the master has ended the stream."""
        await self._until("the stream's end", lambda: self.has_ended)

    async def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(EVENT_SECONDS_MAX), self._news:
                await self._news.wait_for(lambda: is_so() or self._reading.done())
        except TimeoutError:
            seen = [event["type"] for event in self.events[-5:]]
            raise AssertionError(f"waited in vain for {what}; the last events: {seen}") from None
        if not is_so():
            self._reading.result()
            raise AssertionError(f"the stream ended before {what}")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            event = await read_record(reader)
            async with self._news:
                if event is None:
                    self.has_ended = True
                else:
                    self._take_in(event)
                self._news.notify_all()
            if event is None:
                return

    def _take_in(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        for offer in event.get("offers", {}).get("offers", []):
            self._offers[offer["id"]["value"]] = offer
            self._outstanding[offer["id"]["value"]] = offer["agent_id"]["value"]
        if event["type"] == "RESCIND":
            self._outstanding.pop(event["rescind"]["offer_id"]["value"], None)
