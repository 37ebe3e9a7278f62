"""How records lie in ZooKeeper: names of znodes, and what stands in them.

A znode holds less than a record may have, so that a large record lies in several, each with a
head that says which piece of how many it is and what its checksum is. Keys are spread over a
fixed number of directories: the names in one have to fit into one answer.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from urllib.parse import quote, unquote

BUCKETS = 256
PIECE_BYTES_MAX = 192 * 1024

_HEAD = struct.Struct(">4sHHI")
_MAGIC = b"TPR1"


class RecordDamaged(ValueError):
    """A znode does not hold what we would have put there."""


def buckets() -> Iterator[str]:
    """Yield the names of the directories."""
    return (f"{number:02x}" for number in range(BUCKETS))


def node_name(key: str, piece: int = 0) -> str:
    """Return where a piece of a record lies below the directory of all records.

    Example:
        >>> node_name("agents/a 1"), node_name("..", 1)
        ('cf/agents%2Fa%201', '04/%2E%2E,1')
    """
    name = quote(key, safe="")
    if not key.strip("."):
        name = name.replace(".", "%2E")
    bucket = zlib.crc32(key.encode()) % BUCKETS
    return f"{bucket:02x}/{name},{piece}" if piece else f"{bucket:02x}/{name}"


def key_of(name: str) -> tuple[str, int]:
    """Return the key and the number of the piece that a name without its directory says.

    Raises:
        RecordDamaged: No record has such a name.
    """
    quoted, comma, number = name.partition(",")
    key = unquote(quoted)
    piece = int(number) if number.isascii() and number.isdecimal() else 0
    if not key or node_name(key, piece).partition("/")[2] != name or bool(comma) != bool(piece):
        raise RecordDamaged(f"{name!r} is no name of a record")
    return key, piece


def pieces_of(value: bytes) -> list[bytes]:
    """Return what stands in the znodes of a record, in order."""
    parts = [
        value[start : start + PIECE_BYTES_MAX]
        for start in range(0, max(len(value), 1), PIECE_BYTES_MAX)
    ]
    return [
        _HEAD.pack(_MAGIC, number, len(parts), zlib.crc32(part)) + part
        for number, part in enumerate(parts)
    ]


def join(contents: dict[int, bytes]) -> bytes:
    """Return the record whose pieces are given by number.

    Raises:
        RecordDamaged: A piece is missing, or is not what was written.
    """
    parts: list[bytes] = []
    count = len(contents)
    for number in range(count):
        content = contents.get(number)
        if content is None:
            raise RecordDamaged(f"piece {number} is missing")
        if len(content) < _HEAD.size:
            raise RecordDamaged(f"piece {number} is cut off")
        magic, said, total, checksum = _HEAD.unpack_from(content)
        part = content[_HEAD.size :]
        if magic != _MAGIC:
            raise RecordDamaged(f"piece {number} is not Tepui's, or of another version")
        if (said, total) != (number, count):
            raise RecordDamaged(f"piece {number} of {count} calls itself {said} of {total}")
        if zlib.crc32(part) != checksum:
            raise RecordDamaged(f"the checksum of piece {number} is wrong")
        parts.append(part)
    return b"".join(parts)
