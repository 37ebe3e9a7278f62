"""RecordIO, the framing of Mesos' streams: a length in decimal digits, a newline, so many bytes."""

from __future__ import annotations

from tepui.codec.errors import DecodeError, quote


def encode(data: bytes) -> bytes:
    """Return ``data`` as one record."""
    return b"%d\n%b" % (len(data), data)


class Decoder:
    """Takes a stream of records apart, however its bytes were split on the way.

    Holds at most one unfinished record. Once the stream is found broken it stays so: where the
    next record would begin is not known any more.

    Example:
        >>> decoder = Decoder(record_bytes_max=1024)
        >>> decoder.feed(b"5\\nhel")
        []
        >>> decoder.feed(b"lo0\\n")
        [b'hello', b'']
    """

    def __init__(self, record_bytes_max: int) -> None:
        self.record_bytes_max = record_bytes_max
        self._length_chars_max = len(str(record_bytes_max))
        self._buffer = bytearray()
        # Of the record that is coming in; None while its length is not known.
        self._length: int | None = None
        self._failure: DecodeError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take in more of the stream and return the records that it completed.

        Records that stand before a broken place are returned first; the error comes with the
        next call, so that what is received does not depend on how the bytes were split.

        Raises:
            DecodeError: If a length is not a number, or beyond ``record_bytes_max``.
        """
        if self._failure is not None:
            raise self._failure
        self._buffer += data
        records: list[bytes] = []
        try:
            consumed = self._take(records)
        except DecodeError as failure:
            self._failure = failure
            self._buffer.clear()
            if not records:
                raise
            return records
        del self._buffer[:consumed]
        return records

    def close(self) -> None:
        """Say that the stream has ended.

        Raises:
            DecodeError: If it was broken, or ended in the middle of a record.
        """
        if self._failure is not None:
            raise self._failure
        if self._buffer or self._length is not None:
            raise DecodeError("the stream ended in the middle of a record")

    def _take(self, records: list[bytes]) -> int:
        position = 0
        while True:
            if self._length is None:
                end = self._buffer.find(b"\n", position, position + self._length_chars_max + 1)
                if end < 0:
                    self._check_unfinished_length(self._buffer[position:])
                    return position
                self._length = self._parse_length(bytes(self._buffer[position:end]))
                position = end + 1
            if len(self._buffer) - position < self._length:
                return position
            records.append(bytes(self._buffer[position : position + self._length]))
            position += self._length
            self._length = None

    def _check_unfinished_length(self, text: bytearray) -> None:
        if text and not text[: self._length_chars_max].isdigit():
            raise DecodeError(f"a record's length is not a number: {quote(bytes(text))}")
        if len(text) > self._length_chars_max:
            raise DecodeError(f"a record is longer than {self.record_bytes_max} bytes")

    def _parse_length(self, text: bytes) -> int:
        if not text.isdigit():
            raise DecodeError(f"a record's length is not a number: {quote(text)}")
        length = int(text)
        if length > self.record_bytes_max:
            raise DecodeError(
                f"a record of {length} bytes is longer than {self.record_bytes_max} bytes"
            )
        return length
