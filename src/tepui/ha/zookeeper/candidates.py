"""The znodes of masters that want to lead: their names, and what stands in them.

As Mesos has them, so that its tools find our leader, and older labels too, so that we find
theirs: ``json.info_0000000000`` holds JSON, ``info_0000000000`` protobuf, ``0000000000`` a pid.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

import msgspec

from tepui.codec import v0
from tepui.codec.errors import DecodeError
from tepui.codec.media import PROTOBUF, codec_for
from tepui.messages import Address, MasterInfo

PREFIX = "json.info_"

_NAME = re.compile(r"(?:(json\.info|info)_)?([0-9]{10})")
_PID = re.compile(r"[^@]+@(.+):([0-9]{1,5})")


class CandidateUnreadable(ValueError):
    """What stands in a znode describes no master."""


def first_of(names: Iterable[str]) -> str | None:
    """Return the name of the candidate that leads; what is no candidate does not count.

    Example:
        >>> first_of(["log_replicas", "json.info_0000000007", "info_0000000003"])
        'info_0000000003'
    """
    found = [(match[2], name) for name in names if (match := _NAME.fullmatch(name))]
    return min(found)[1] if found else None


def encode(master: MasterInfo) -> bytes:
    """Return what stands in the znode of ``master``."""
    quota = MasterInfo.Capability(type=MasterInfo.Capability.Type.QUOTA_V2)
    # Its name is left out where clients of 1.11 read version 1; here it belongs.
    told = msgspec.structs.replace(master, capabilities=[*master.capabilities, quota])
    return msgspec.json.encode(v0.to_builtins(told))


def decode(name: str, content: bytes) -> MasterInfo:
    """Return the master that the znode ``name`` describes.

    Raises:
        CandidateUnreadable: It describes none.
    """
    match = _NAME.fullmatch(name)
    assert match is not None, "only candidates are read"
    try:
        if match[1] == "json.info":
            return _without_quota(v0.from_builtins(MasterInfo, msgspec.json.decode(content)))
        if match[1] == "info":
            return _without_quota(codec_for(PROTOBUF).decode(MasterInfo, content))
        return _from_pid(content.decode())
    except (DecodeError, msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise CandidateUnreadable(f"{name} describes no master: {error}") from error


def _without_quota(master: MasterInfo) -> MasterInfo:
    kept = [
        each for each in master.capabilities if each.type is not MasterInfo.Capability.Type.QUOTA_V2
    ]
    return msgspec.structs.replace(master, capabilities=kept)


def _from_pid(pid: str) -> MasterInfo:
    match = _PID.fullmatch(pid.strip())
    if match is None:
        raise ValueError(f"{pid[:100]!r} is not name@host:port")
    host, port = match[1], int(match[2])
    try:
        number = int.from_bytes(ipaddress.IPv4Address(host).packed, "little")
    except ValueError:
        number = 0
    return MasterInfo(
        id=pid.strip(),
        ip=number,
        port=port,
        pid=pid.strip(),
        hostname=host,
        address=Address(hostname=host, ip=host if number else None, port=port),
    )
