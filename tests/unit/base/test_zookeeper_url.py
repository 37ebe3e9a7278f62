"""URLs of ZooKeeper, as operators write them."""

from __future__ import annotations

import pytest

from tepui.base.zookeeper_url import SERVERS_MAX, parse_url, without_password


def test_servers_path_and_credentials_are_told_apart() -> None:
    url = parse_url("zk://me:p@ss/word@h1:2181,h2,[::1]:2183/a/mesos/")
    assert url.servers == ("h1:2181", "h2:2181", "[::1]:2183")
    assert url.path == "/a/mesos"
    assert url.credentials == "me:p@ss/word"


def test_a_url_is_shown_without_its_password() -> None:
    text = "zk://me:secret@h1:2181/mesos"
    assert "secret" not in str(parse_url(text))
    assert without_password(text) == "zk://me:***@h1:2181/mesos"
    assert without_password("10.0.0.1:5050") == "10.0.0.1:5050"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("h1:2181/mesos", "begins with zk://"),
        ("zk://h1:2181", "names no path"),
        ("zk://h1:2181/", "names no path"),
        ("zk:///mesos", "no ZooKeeper server"),
        ("zk://h1,,h2/mesos", "no ZooKeeper server"),
        ("zk://h1:0/mesos", "no port"),
        ("zk://h1:x/mesos", "no port"),
        ("zk://me:secret:h1:2181/mesos", "name holds a colon"),
        ("zk://::1:2181/mesos", "name holds a colon"),
        ("zk://h1/a//b", "no path in ZooKeeper"),
        ("zk://h1/a/../b", "no path in ZooKeeper"),
        ("zk://me@h1/mesos", "user:password"),
        ("zk://" + ",".join(["h"] * (SERVERS_MAX + 1)) + "/mesos", "at most 100"),
    ],
)
def test_what_is_no_such_url_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_url(text)


def test_no_complaint_tells_a_password() -> None:
    with pytest.raises(ValueError, match="no port") as caught:
        parse_url("zk://me:secret@h1:port/mesos")
    assert "secret" not in str(caught.value)
