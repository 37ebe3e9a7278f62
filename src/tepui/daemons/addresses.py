"""Which address to listen on and which to tell others."""

from __future__ import annotations

import ipaddress
import socket

import msgspec

from tepui.base.daemon_flags import DaemonFlags
from tepui.base.flags import FlagError

LOOPBACK = "127.0.0.1"

ELSEWHERE = ("192.0.2.1", 9)
"""An address that is nobody's, by the rules for documentation."""


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where a daemon listens and what it tells others; the port follows when it is bound."""

    listen: str
    """Empty for all addresses."""
    ip: str
    hostname: str
    advertise_port: int | None


def resolve(flags: DaemonFlags) -> Addresses:
    """Return the addresses that ``flags`` ask for.

    Raises:
        FlagError: An address is none.
    """
    listen = _address("--ip", flags.ip) if flags.ip is not None else ""
    if flags.advertise_ip is not None:
        ip = _address("--advertise_ip", flags.advertise_ip)
    elif listen and not ipaddress.ip_address(listen).is_unspecified:
        ip = listen
    else:
        ip = own_address()
    if flags.hostname is not None:
        hostname = flags.hostname
    elif flags.hostname_lookup:
        hostname = _name_of(ip)
    else:
        hostname = ip
    return Addresses(listen=listen, ip=ip, hostname=hostname, advertise_port=flags.advertise_port)


def _address(flag: str, text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise FlagError(f"{flag}: {text!r} is not an IPv4 address") from None


def own_address() -> str:
    """Return the address by which others on the network reach this machine, or loopback."""
    try:
        found = socket.gethostbyname(socket.gethostname())
    except OSError:
        found = LOOPBACK
    # Debian gives a machine's own name an address of loopback.
    return _outward_address() if ipaddress.ip_address(found).is_loopback else found


def _outward_address() -> str:
    """Return the address that packets to elsewhere leave from; none is sent for that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(ELSEWHERE)
        except OSError:
            return LOOPBACK
        return str(asking.getsockname()[0])


def _name_of(ip: str) -> str:
    try:
        return socket.gethostbyaddr(ip)[0]
    except OSError:
        return ip
