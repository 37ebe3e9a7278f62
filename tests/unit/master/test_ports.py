"""The master's part of a link's handshake."""

from __future__ import annotations

import pytest

from tepui.http.messages import Headers, Request
from tepui.link.messages import VERSION_HEADER
from tepui.master.ports import greet


def handshake(headers: dict[str, str]) -> Request:
    return Request(
        "GET", "/tepui/link", Headers.of(headers), b"", peer="p:1", local="l:1", principal=None
    )


@pytest.mark.parametrize(("offered", "chosen"), [("1,1", "1"), ("1,9", "1"), ("0,3", "1")])
def test_the_greeting_names_the_version_that_is_spoken(offered: str, chosen: str) -> None:
    assert greet(handshake({VERSION_HEADER: offered})) == {VERSION_HEADER: chosen}


@pytest.mark.parametrize("headers", [{}, {VERSION_HEADER: "2,3"}, {VERSION_HEADER: "x"}])
def test_versions_that_do_not_meet_are_not_named(headers: dict[str, str]) -> None:
    assert greet(handshake(headers)) == {}
