"""Where a ZooKeeper ensemble is, and where in it a cluster: ``zk://user:pass@h1:p1,h2:p2/path``."""

from __future__ import annotations

import msgspec

SCHEME = "zk://"
DEFAULT_PORT = 2181
SERVERS_MAX = 100


class ZooKeeperUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of such a URL.

    Attributes:
        servers: ``host:port`` of each.
        path: Begins with a slash and does not end with one.
        credentials: ``user:password`` of the digest scheme.
    """

    servers: tuple[str, ...]
    path: str
    credentials: str | None = None

    def __str__(self) -> str:
        """Return the URL without the password, for people and logs."""
        return f"{SCHEME}{','.join(self.servers)}{self.path}"


def parse_url(text: str) -> ZooKeeperUrl:
    """Return the parts of ``text``.

    Raises:
        ValueError: It is no such URL; the message says what is wrong, without a password.

    Example:
        >>> parse_url("zk://a:2181,b/mesos")
        ZooKeeperUrl(servers=('a:2181', 'b:2181'), path='/mesos', credentials=None)
    """
    rest = text.strip()
    if not rest.startswith(SCHEME):
        raise ValueError("a ZooKeeper URL begins with zk://, as in zk://host1:2181,host2:2181/path")
    rest = rest.removeprefix(SCHEME)
    servers_text, slash, path = rest.partition("/")
    credentials: str | None = None
    if "@" in rest:
        # A password may hold slashes and more; host names and paths hold no @.
        credentials, _, remainder = rest.rpartition("@")
        servers_text, slash, path = remainder.partition("/")
        user, colon, password = credentials.partition(":")
        if not (user and colon and password):
            raise ValueError("the credentials of a ZooKeeper URL have the form user:password")
    servers = tuple(_server(part) for part in servers_text.split(","))
    if len(servers) > SERVERS_MAX:
        raise ValueError(f"{len(servers)} servers are named; at most {SERVERS_MAX} are taken")
    return ZooKeeperUrl(servers=servers, path=_path(slash + path), credentials=credentials)


def without_password(text: str) -> str:
    """Return ``text`` with the password hidden, if it is such a URL and holds one.

    Example:
        >>> without_password("zk://me:secret@a:2181/mesos")
        'zk://me:***@a:2181/mesos'
    """
    if not text.startswith(SCHEME) or "@" not in text:
        return text
    credentials, _, rest = text.removeprefix(SCHEME).rpartition("@")
    return f"{SCHEME}{credentials.partition(':')[0]}:***@{rest}"


def is_port(text: str) -> bool:
    """Return whether ``text`` is a number that somebody can listen on.

    Example:
        >>> is_port("5050"), is_port("0"), is_port("99999")
        (True, False, False)
    """
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536


def _server(text: str) -> str:
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        host, port = text.strip(), str(DEFAULT_PORT)
    if not host:
        raise ValueError(f"{text!r} names no ZooKeeper server: expected host:port")
    if (":" in host or "[" in host) and not (host.startswith("[") and host.endswith("]")):
        # Not shown: it may be a password that lacks the @ after it.
        raise ValueError("a server's name holds a colon: credentials end in @, IPv6 stands in []")
    if not is_port(port):
        raise ValueError(f"{text!r} has no port from 1 to 65535")
    return f"{host}:{port}"


def _path(text: str) -> str:
    path = text.rstrip("/")
    if not path:
        raise ValueError("the URL names no path, such as /mesos: all of ZooKeeper is not ours")
    parts = path.split("/")[1:]
    if any(part in ("", ".", "..") or not part.isprintable() for part in parts):
        raise ValueError(f"{path!r} is no path in ZooKeeper")
    return path
