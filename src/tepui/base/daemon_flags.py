"""The flags that every daemon has: where it listens, how it logs, where it keeps things."""

from __future__ import annotations

from typing import Annotated, Any

from tepui.base.flags import (
    BOOL,
    OBJECT,
    PATH,
    TEXT,
    Flag,
    Flags,
    Kind,
    duration,
    one_of,
    whole,
)
from tepui.base.zookeeper_url import SCHEME, is_port, parse_url, without_password

_PORT = whole(0, 65535)


def _parse_zookeeper(text: str) -> str:
    parse_url(text)
    return text.strip()


def _parse_master(text: str) -> str:
    if text.startswith(SCHEME):
        return _parse_zookeeper(text)
    # The ready line of a master tells its URL, which people paste here.
    address = text.strip().removeprefix("http://").rstrip("/")
    host, _, port = address.rpartition(":")
    # Several addresses, as in a ZooKeeper URL, would be taken for one host's name.
    if not host or any(mark in host for mark in "/,@ ") or not is_port(port):
        raise ValueError(f"{text!r} is neither host:port nor a URL zk://host:port/path")
    return address


ZOOKEEPER = Kind("zk URL", _parse_zookeeper, without_password)
MASTER = Kind("host:port or zk URL", _parse_master, without_password)
ZK_SESSION_TIMEOUT = duration(1, 3600)


class DaemonFlags(Flags, frozen=True, kw_only=True):
    """What a master and an agent have in common."""

    help: Annotated[bool, Flag("print this help and exit", BOOL)] = False
    version: Annotated[bool, Flag("print the version and exit", BOOL)] = False
    config: Annotated[
        str | None, Flag("TOML file of flags, weaker than the environment", PATH, own=True)
    ] = None

    exit_with_parent: Annotated[
        bool, Flag("stop, with all tasks, when standard input ends", BOOL, own=True)
    ] = False

    ip: Annotated[str | None, Flag("address to listen on (default: all)", TEXT)] = None
    advertise_ip: Annotated[
        str | None, Flag("address told to others instead of the one listened on", TEXT)
    ] = None
    advertise_port: Annotated[
        int | None, Flag("port told to others instead of the one listened on", _PORT)
    ] = None
    hostname: Annotated[str | None, Flag("host name told to others", TEXT)] = None
    hostname_lookup: Annotated[
        bool, Flag("look the host name up when --hostname is not given, else use the address", BOOL)
    ] = True
    domain: Annotated[
        dict[str, Any] | None, Flag("fault domain (region and zone) as JSON", OBJECT)
    ] = None

    quiet: Annotated[bool, Flag("no log on standard error", BOOL)] = False
    logging_level: Annotated[
        str, Flag("lowest level logged", one_of("INFO", "WARNING", "ERROR"))
    ] = "INFO"
    log_dir: Annotated[str | None, Flag("directory for a log file as well", PATH)] = None
    external_log_file: Annotated[
        str | None, Flag("log file kept by something else, shown by the API", PATH)
    ] = None
    log_format: Annotated[
        str, Flag("form of the log's lines", one_of("text", "json"), own=True)
    ] = "text"
