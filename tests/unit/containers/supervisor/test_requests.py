"""What an agent asks, and how much of it before the supervisor looks at its children again."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tepui.containers.supervisor.containers import Containers
from tepui.containers.supervisor.frames import VERSION, VERSION_MIN, Decoder
from tepui.containers.supervisor.journal import Journal
from tepui.containers.supervisor.link import Connection, Link
from tepui.containers.supervisor.requests import REQUESTS_PER_TURN_MAX, Requests

Answer = dict[str, Any]


@contextlib.contextmanager
def opened(directory: Path, code: str = "") -> Iterator[Callable[..., Answer]]:
    """Ask a supervisor's requests as an agent does; give what is answered."""
    with selectors.DefaultSelector() as selector, socket.socket() as unconnected:
        link = Link(str(directory), selector)
        journal = Journal(str(directory / "journal"), "boot")
        containers = Containers(journal, str(directory))
        requests = Requests(containers, link, 60.0, now=0.0, code=code)
        agent = Connection(unconnected)

        def ask(call: str, **fields: Any) -> Answer:
            link.requests.append((agent, {"id": 1, "call": call, **fields}))
            requests.handle_waiting(0.0)
            (answer,) = Decoder(1 << 20).feed(bytes(agent.outgoing))
            agent.outgoing.clear()
            return answer

        yield ask
        link.close()


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"),
    [(1, 1, 1), (1, 9, 1), (None, 1, 1), (2, 9, None), (None, 2, None), (None, 0, None)],
)
def test_the_newest_version_that_both_know_is_spoken(
    tmp_path: Path, oldest: int | None, newest: int, spoken: int | None
) -> None:
    assert (VERSION_MIN, VERSION) == (1, 1)
    versions = {"version": newest} | ({} if oldest is None else {"version_min": oldest})
    with opened(tmp_path, code="c0de") as ask:
        answer = ask("hello", recovery_timeout=1, **versions)
    if spoken is None:
        assert "are not spoken here, but 1 to 1" in answer["error"]
    else:
        assert answer["ok"]["version"] == spoken
        assert answer["ok"]["code"] == "c0de"
        assert answer["ok"]["socket_directory"] == str(tmp_path)


def test_deaths_wait_for_a_few_requests_only(tmp_path: Path) -> None:
    with selectors.DefaultSelector() as selector, socket.socket() as unconnected:
        link = Link(str(tmp_path), selector)
        journal = Journal(str(tmp_path / "journal"), "boot")
        requests = Requests(Containers(journal, str(tmp_path)), link, 60.0, now=0.0)
        agent = Connection(unconnected)
        hello = {"id": 0, "call": "hello", "version": VERSION, "recovery_timeout": 60}
        forget = {"call": "forget", "container_id": "nobody"}
        asked = [hello, *({"id": number, **forget} for number in range(1, 40))]
        link.requests.extend((agent, request) for request in asked)
        requests.handle_waiting(0.0)
        answers = Decoder(1 << 20).feed(bytes(agent.outgoing))
        assert [answer["id"] for answer in answers] == list(range(REQUESTS_PER_TURN_MAX))
        assert answers[0]["ok"]["pid"] == os.getpid()
        assert len(link.requests) == 40 - REQUESTS_PER_TURN_MAX
        link.close()
