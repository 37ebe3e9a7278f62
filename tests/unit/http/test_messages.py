"""Requests, headers and what a header lets us do."""

from __future__ import annotations

import pytest

from tepui.http.messages import Headers, Request, allows_gzip


def request(target: str) -> Request:
    return Request("GET", target, Headers())


def test_headers_are_found_whatever_their_case() -> None:
    headers = Headers.of({"Mesos-Stream-Id": "s"})
    assert headers.get("mesos-stream-id") == headers.get("MESOS-STREAM-ID") == "s"
    assert "Mesos-Stream-Id" in headers
    assert headers.get("Accept") is None
    assert list(headers.items()) == [("mesos-stream-id", "s")]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/state", "/state"),
        ("/slave%281%29/state?a=%2f", "/slave(1)/state"),
        ("/quota/a%2Fb", "/quota/a/b"),
        ("http://proxied:5050/state?x", "/state"),
        ("http://proxied:5050", "/"),
        ("*", "*"),
        ("/%zz", "/%zz"),
    ],
)
def test_the_path_is_decoded_and_the_target_kept(target: str, path: str) -> None:
    assert request(target).path == path
    assert request(target).raw_target == target


def test_the_query_keeps_repeated_and_empty_parameters() -> None:
    asked = request("/tasks?limit=2&id=a&id=b%20c&flag=&jsonp=cb")
    assert asked.query["id"] == ["a", "b c"]
    assert asked.param("limit") == "2"
    assert asked.param("id") == "b c"
    assert asked.param("flag") == ""
    assert asked.param("offset") is None
    assert request("/tasks").param("limit") is None


@pytest.mark.parametrize(
    ("accept_encoding", "allowed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
        ("*;q=0", False),
        ("br, deflate", False),
        ("", False),
    ],
)
def test_gzip_is_used_where_it_is_allowed(accept_encoding: str, allowed: bool) -> None:
    assert allows_gzip(accept_encoding) is allowed
