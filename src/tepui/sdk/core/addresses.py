"""Where masters and agents listen, as people write it and as redirects tell it."""

from __future__ import annotations

from urllib.parse import urlsplit

DEFAULT_MASTER = "http://127.0.0.1:5050"
DEFAULT_PORT = 5050


def parse_masters(text: str) -> tuple[str, ...]:
    """Return the base URLs that ``text`` names, in its order.

    Args:
        text: One or several of ``host``, ``host:port`` or ``http(s)://host:port``,
            separated by commas.

    Raises:
        ValueError: A part is no address, or none is given.

    Example:
        >>> parse_masters("10.0.0.1,https://m2:443")
        ('http://10.0.0.1:5050', 'https://m2:443')
    """
    masters = tuple(_base_url(part.strip()) for part in text.split(",") if part.strip())
    if not masters:
        raise ValueError(f"{text!r} names no master: expected host:port or http://host:port")
    return masters


def _base_url(address: str) -> str:
    with_scheme = address if "://" in address else f"http://{address}"
    parts = urlsplit(with_scheme)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"master {address!r} has scheme {parts.scheme!r}: expected http or https")
    return _from_parts(parts.scheme, parts.hostname, _port(with_scheme, address), address)


def _port(url: str, shown: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError as error:
        raise ValueError(
            f"address {shown!r} has a bad port: expected a number up to 65535"
        ) from error


def _from_parts(scheme: str, host: str | None, port: int | None, shown: str) -> str:
    if not host:
        raise ValueError(f"address {shown!r} has no host")
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}:{DEFAULT_PORT if port is None else port}"


def redirected(url: str, location: str) -> str | None:
    """Return the base URL that a redirect from ``url`` leads to, or None if it leads nowhere.

    Masters redirect without a scheme, as in ``//leader:5050/api/v1/scheduler``; the scheme
    stays that of the request then.

    Example:
        >>> redirected("http://a:5050", "//b:5051/api/v1/scheduler")
        'http://b:5051'
    """
    parts = urlsplit(location)
    scheme = parts.scheme or urlsplit(url).scheme
    if scheme not in ("http", "https"):
        return None
    try:
        return _from_parts(scheme, parts.hostname, parts.port, location)
    except ValueError:
        return None


def agent_url(pid: str) -> str:
    """Return the base URL of the agent with ``pid``, as masters list it.

    Raises:
        ValueError: The text is not ``name@host:port``.

    Example:
        >>> agent_url("slave(1)@10.0.0.7:5051")
        'http://10.0.0.7:5051'
    """
    name, at, address = pid.rpartition("@")
    if not (name and at and address):
        raise ValueError(f"{pid!r} is not an agent's pid: expected slave(1)@host:port")
    return _base_url(address)
