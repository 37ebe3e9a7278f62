"""The znodes of candidates, in the forms that Mesos has had."""

from __future__ import annotations

import json

import pytest

from tepui.codec.media import PROTOBUF, codec_for
from tepui.ha.detector import address_of
from tepui.ha.zookeeper.candidates import CandidateUnreadable, decode, encode, first_of
from tepui.master.core.config import MasterConfig, master_info

MASTER = master_info(MasterConfig(hostname="m1", ip="127.0.0.1", port=5050), "the-id")


def test_what_is_written_is_what_tools_of_mesos_read() -> None:
    address = {"hostname": "m1", "ip": "127.0.0.1", "port": 5050}
    assert json.loads(encode(MASTER)) == {
        "id": "the-id",
        "ip": 16777343,
        "port": 5050,
        "pid": "master@127.0.0.1:5050",
        "hostname": "m1",
        "version": "1.11.0",
        "address": address,
        "capabilities": [
            {"type": "AGENT_UPDATE"},
            {"type": "AGENT_DRAINING"},
            {"type": "QUOTA_V2"},
        ],
    }
    assert decode("json.info_0000000000", encode(MASTER)) == MASTER


def test_older_labels_are_read_too() -> None:
    packed = codec_for(PROTOBUF).encode(MASTER)
    assert decode("info_0000000001", packed) == MASTER
    found = decode("0000000002", b"master@10.0.0.7:5051")
    assert (found.hostname, found.port, address_of(found)) == ("10.0.0.7", 5051, "10.0.0.7:5051")


def test_the_smallest_number_leads_whatever_its_label() -> None:
    names = [
        "log_replicas",
        "json.info_0000000012",
        "info_0000000011",
        "0000000013",
        "x_0000000001",
    ]
    assert first_of(names) == "info_0000000011"
    assert first_of(["log_replicas", "tepui-registry", "json.info_1"]) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("json.info_0000000000", b"{"),
        ("json.info_0000000000", b'{"id": "x"}'),
        ("json.info_0000000000", b"[]"),
        ("info_0000000000", b"\xff\xff"),
        ("0000000000", b"nobody"),
        ("0000000000", b"\xff"),
    ],
)
def test_what_describes_no_master_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(CandidateUnreadable, match=name):
        decode(name, content)
