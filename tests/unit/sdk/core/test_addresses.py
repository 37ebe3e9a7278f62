"""Addresses as people write them and as masters redirect."""

from __future__ import annotations

import pytest

from tepui.sdk.core.addresses import agent_url, parse_masters, redirected


def test_masters_are_separated_by_commas_and_default_to_http_and_5050() -> None:
    assert parse_masters("m1, m2:80,https://m3:443,[::1]:5050") == (
        "http://m1:5050",
        "http://m2:80",
        "https://m3:443",
        "http://[::1]:5050",
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no master"),
        ("zk://h:2181/mesos", "scheme 'zk'"),
        ("m:port", "bad port"),
        ("http://:5050", "has no host"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_masters(text)


def test_redirects_without_a_scheme_keep_the_one_they_came_from() -> None:
    assert redirected("https://a:1", "//b:2/x") == "https://b:2"
    assert redirected("http://a:1", "http://b:2") == "http://b:2"
    assert redirected("http://a:1", "") is None
    assert redirected("http://a:1", "ftp://b:2") is None
    assert redirected("http://a:1", "//b:port/") is None


def test_an_agents_url_follows_from_its_pid() -> None:
    assert agent_url("slave(1)@127.0.0.1:5051") == "http://127.0.0.1:5051"
    with pytest.raises(ValueError, match="not an agent's pid"):
        agent_url("127.0.0.1:5051")
