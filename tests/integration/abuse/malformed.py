"""Malformed requests without end, the same ones for the same seed."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tepui.codec.media import JSON, PROTOBUF, codec_for
from tepui.messages import Message


class Malformed(NamedTuple):
    """One request: what is wrong with it, and how it goes out."""

    what: str
    body: bytes
    headers: dict[str, str]
    method: str = "POST"


STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, -0.0, 2**31, 2**63, -(2**63) - 1, 2**200, 1e308,
    "", "x", "\u0000", "\ud800", "Infinity", "NaN", "-1", "9" * 400, "../../etc", "é" * 50,
    [], {}, [[]], [None], [{}], {"value": {}}, {"value": None}, {"": ""}, ["x", 1], "NOPE",
)  # fmt: skip
NOT_JSON_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "1.", "0x10", "--1")
CONTENT_TYPES = (
    "", "text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", "application/xml",
    "application/x-protobuf;x", "application/recordio", "*/*", "\xff\xfe",
)  # fmt: skip
NESTING = (100, 1_000, 30_000)


class Generator:
    """Malformed variants of calls, which are right but for ids that nobody has.

    Args:
        calls: In JSON.
        kind: What they are, if they can be said in protobuf too.
        headers: Sent with each.
    """

    def __init__(
        self,
        seed: str,
        calls: list[dict[str, Any]],
        kind: type[Message] | None,
        headers: dict[str, str],
    ) -> None:
        self._random = random.Random(seed)
        self._headers = headers
        self._json = [json.dumps(call).encode() for call in calls]
        self._protobuf = self._json
        if kind is not None:
            messages = [codec_for(JSON).decode(kind, each) for each in self._json]
            self._protobuf = [codec_for(PROTOBUF).encode(each) for each in messages]
        self._ways: list[Callable[[], Malformed]] = [
            self._noise, self._cut, self._bitten, self._retyped, self._retyped, self._number,
            self._nested, self._not_text, self._header, self._encoded, self._method,
            self._stream_id,
        ]  # fmt: skip

    def requests(self, count: int) -> Iterator[Malformed]:
        for _ in range(count):
            yield self._random.choice(self._ways)()

    def _one(self) -> tuple[bytes, str]:
        if self._random.random() < 0.5:
            return self._random.choice(self._json), JSON
        return self._random.choice(self._protobuf), PROTOBUF

    def _made(self, what: str, body: bytes, content_type: str) -> Malformed:
        return Malformed(what, body, {"Content-Type": content_type, **self._headers})

    def _noise(self) -> Malformed:
        size = self._random.choice((0, 1, 10, 100, 1_000))
        content_type = self._random.choice((JSON, PROTOBUF))
        return self._made("noise", self._random.randbytes(size), content_type)

    def _cut(self) -> Malformed:
        body, content_type = self._one()
        return self._made("cut", body[: self._random.randrange(len(body))], content_type)

    def _bitten(self) -> Malformed:
        body, content_type = self._one()
        bytes_ = bytearray(body)
        for _ in range(self._random.randint(1, 5)):
            at = self._random.randrange(len(bytes_) + 1)
            match self._random.randrange(4):
                case 0 if at < len(bytes_):
                    bytes_[at] = self._random.randrange(256)
                case 1:
                    bytes_[at:at] = self._random.randbytes(self._random.randint(1, 4))
                case 2:
                    del bytes_[at : at + self._random.randint(1, 8)]
                case _:
                    bytes_[at:at] = bytes_[at : at + 20]
        return self._made("bitten", bytes(bytes_), content_type)

    def _retyped(self) -> Malformed:
        call = json.loads(self._random.choice(self._json))
        for _ in range(self._random.randint(1, 3)):
            call = self._replaced(call)
        return self._made("retyped", json.dumps(call).encode(), JSON)

    def _replaced(self, value: Any) -> Any:
        """Put something strange in one place of a JSON value."""
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            key = self._random.choice(sorted(value))
            return {**value, key: self._replaced(value[key])}
        if isinstance(value, list) and value and self._random.random() < 0.85:
            at = self._random.randrange(len(value))
            return [*value[:at], self._replaced(value[at]), *value[at + 1 :]]
        return self._random.choice(STRANGE)

    def _number(self) -> Malformed:
        call = json.loads(self._random.choice(self._json))
        text = json.dumps(self._marked(call))
        number = self._random.choice(NOT_JSON_NUMBERS)
        return self._made("number", text.replace('"@"', number).encode(), JSON)

    def _marked(self, value: Any) -> Any:
        if isinstance(value, dict) and value:
            key = self._random.choice(sorted(value))
            return {**value, key: self._marked(value[key])}
        return "@"

    def _nested(self) -> Malformed:
        depth = self._random.choice(NESTING)
        match self._random.randrange(4):
            case 0:
                return self._made("nested lists", b"[" * depth, JSON)
            case 1:
                return self._made("nested objects", b'{"type":' * depth, JSON)
            case 2:
                body = b'{"parent":' * depth + b"1" + b"}" * depth
                field = self._random.choice((b"container_id", b"kill_container", b"subscribe"))
                return self._made("nested parents", b'{"%b":%b}' % (field, body), JSON)
            case _:
                # A field of length, within a field of length, and so on.
                body = b""
                for _ in range(min(depth, 1_000)):
                    body = b"\x12" + _varint(len(body)) + body
                return self._made("nested fields", body, PROTOBUF)

    def _not_text(self) -> Malformed:
        body = self._random.choice(self._json)
        broken = self._random.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8", b"\x00"))
        at = body.find(b'"', self._random.randrange(len(body))) + 1
        return self._made("not text", body[:at] + broken + body[at:], JSON)

    def _header(self) -> Malformed:
        body, _ = self._one()
        made = self._made("content type", body, self._random.choice(CONTENT_TYPES))
        if self._random.random() < 0.2:
            del made.headers["Content-Type"]
        return made

    def _encoded(self) -> Malformed:
        body, content_type = self._one()
        packed = gzip.compress(body)
        match self._random.randrange(4):
            case 0:
                packed = packed[: self._random.randrange(len(packed))]
            case 1:
                packed = body
            case 2:
                packed = packed + self._random.randbytes(5)
            case _:
                packed = gzip.compress(self._random.randbytes(20))
        made = self._made("encoded", packed or b"x", content_type)
        made.headers["Content-Encoding"] = "gzip"
        return made

    def _method(self) -> Malformed:
        body, content_type = self._one()
        made = self._made("method", body, content_type)
        method = self._random.choice(("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"))
        return made._replace(method=method)

    def _stream_id(self) -> Malformed:
        body, content_type = self._one()
        made = self._made("stream id", body, content_type)
        name = self._random.choice(("Mesos-Stream-Id", "Message-Content-Type", "Accept"))
        made.headers[name] = self._random.choice(("x", "\xff", "0" * 5_000, "../..", ";;,,q=q"))
        return made


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def broken_http(seed: str, path: str, count: int) -> Iterator[bytes]:
    """What is not even HTTP, or nearly is."""
    chance = random.Random(seed)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    right = head + b"Content-Length: 2\r\n\r\n{}"
    for _ in range(count):
        cut = right[: chance.randrange(1, len(right))]
        yield chance.choice(
            (
                chance.randbytes(chance.randint(1, 500)),
                cut + b"\r\n\r\n" + chance.randbytes(20),
                right + chance.randbytes(200) + b"\r\n\r\n",
                head + b"Content-Length: -1\r\n\r\n{}",
                head + b"Content-Length: 99999999999999999999\r\n\r\n{}",
                head + b"Content-Length: 9000000000\r\n\r\n{}",
                head + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                head + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nzz\r\n{}\r\n",
                head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                head + b"X: " + b"y" * 70_000 + b"\r\n" + b"Z: " + b"z" * 70_000 + b"\r\n\r\n",
                head.replace(b"HTTP/1.1", b"HTTP/9.9") + b"\r\n",
                head.replace(b" HTTP/1.1", b"") + b"\r\n",
                head + b" folded: \x00\x01\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(100),
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            )
        )
