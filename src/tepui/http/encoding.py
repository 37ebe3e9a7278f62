"""gzip in both directions, with a bound on what a body may grow to."""

from __future__ import annotations

import zlib
from typing import Final

from tepui.base.errors import Rejected

#: Answers below this size are not worth compressing (the size is Mesos' own).
COMPRESSED_BYTES_MIN: Final = 1024

_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
# Level 1 takes a third of the time of the default level for JSON a tenth larger.
_LEVEL: Final = 1


def compress(body: bytes) -> bytes:
    """The gzip form of ``body``."""
    return zlib.compress(body, _LEVEL, _GZIP_FORMAT)


def decompress(body: bytes, *, bytes_max: int) -> bytes:
    """Undo gzip, member by member.

    Raises:
        Rejected: 413 when the result would pass ``bytes_max``, 400 when ``body`` is not gzip.
    """
    parts: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            member = zlib.decompressobj(_GZIP_FORMAT)
            part = member.decompress(rest, bytes_max - size + 1)
            size += len(part)
            if size > bytes_max:
                raise Rejected(f"The body is larger than {bytes_max} bytes once unpacked", 413)
            if not member.eof:
                raise Rejected("The gzip body ends too early", 400)
            parts.append(part)
            rest = member.unused_data
    except zlib.error as error:
        raise Rejected(f"The {len(body)} bytes of the body are not valid gzip", 400) from error
    return parts[0] if len(parts) == 1 else b"".join(parts)
