"""How many requests the supervisor carries out before it looks at its children again."""

from __future__ import annotations

import os
import selectors
import socket
from pathlib import Path

from tepui.containers.supervisor.containers import Containers
from tepui.containers.supervisor.frames import VERSION, Decoder
from tepui.containers.supervisor.journal import Journal
from tepui.containers.supervisor.link import Connection, Link
from tepui.containers.supervisor.requests import REQUESTS_PER_TURN_MAX, Requests


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
