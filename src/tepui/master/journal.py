"""The form of a master's journal: all that its core took in, and what came out of it.

A journal holds runs, one for each master that led. A run is a sequence of segments, which are
files: `MAGIC`, the version of this form, and blocks, each with its length and a checksum, and as
many records in it as were written at once. The first record is a `Header`, which stands in every
segment and is enough to make the same core anew. After it, each step of the core is two records:
what it took in, written before the step so that a step that never ends is held too; then a digest
of the effects, or what the core raised.

Nothing here opens a file: `tepui.master.recording` writes them, `tepui.master.replaying` reads.
"""

from __future__ import annotations

import base64
import enum
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tepui.allocator import Allocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec.errors import DecodeError
from tepui.codec.lenient import read_message
from tepui.master.core.config import MasterConfig
from tepui.master.core.effects import AnyEffect
from tepui.master.core.events import AnyEvent, OperationRequested, SchedulerCalled
from tepui.master.core.master import Master
from tepui.messages import Offer, scheduler
from tepui.resources import Quantities

MAGIC = b"tepui journal\n"
FORMAT = 1
"""Grows with every change after which older programs would read something wrong."""

_START = struct.Struct("<14sH")
_BLOCK = struct.Struct("<III")  # length, the same with a mask, checksum
_MASK = 0xA5C3965A
_RECORD = struct.Struct("<IB")  # the length of what follows these, kind
_INPUT = struct.Struct("<IBdd")
_EFFECTS = struct.Struct("<IBIII")
_MOMENT = struct.Struct("<dd")
_DIGEST = struct.Struct("<III")


class Kind(enum.IntEnum):
    """What a record is; the byte after its length."""

    HEADER = 1
    INPUT = 2
    EFFECTS = 3
    RAISED = 4
    END = 5


class JournalError(ValueError):
    """A file is no journal, a damaged one, or one that this program does not know."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment begins with.

    Attributes:
        run: The name of the run that it belongs to.
        segment: Its number in the run, from 1.
        steps_before: How many steps the segments before it hold.
        tepui: The version that wrote it.
        master_id: Of the core; made anew it has the same, or the chance is not the same.
        started: When the core was made.
        seed: Of its chance and the allocator's, which is the same `Rng`; in hexadecimal digits.
        allocator: The name that led to the allocator.
        config: Of the core.
        flags: What the operator said, for people to read.
    """

    run: str
    segment: int
    steps_before: int
    tepui: str
    python: str
    master_id: str
    started: Instant
    seed: str
    allocator: str
    config: MasterConfig
    flags: Mapping[str, str] = {}


class Digest(msgspec.Struct, frozen=True):
    """What is kept of the effects of one step: how many, their size encoded, and a checksum.

    It has to be cheap rather than safe from forgery; two different steps of the same size and
    checksum are one in four thousand million.
    """

    count: int
    size: int
    checksum: int

    def __str__(self) -> str:
        return f"{self.checksum:08x} ({self.count} effects in {self.size} bytes)"


class Raised(msgspec.Struct, frozen=True):
    """The core did not return from a step, but raised."""

    text: str

    def is_like(self, error: Exception) -> bool:
        """Tell whether the core raises the same again; what it says of it may hold addresses."""
        return self.text.partition("(")[0] == type(error).__name__


class Input(msgspec.Struct, frozen=True):
    """What the core took in."""

    now: Instant
    event: AnyEvent


class End(msgspec.Struct, frozen=True):
    """Nothing follows, for this reason."""

    reason: str


Record = Header | Input | Digest | Raised | End


class Step(msgspec.Struct, frozen=True):
    """One step of a core.

    Attributes:
        number: In the run, from 1.
        outcome: Nothing, if the master ended before it wrote how the step went.
    """

    number: int
    now: Instant
    event: AnyEvent
    outcome: Digest | Raised | None


def make_core(header: Header, allocator: Allocator, rng: Rng) -> Master:
    """Return a core as it was when the run began; ``rng`` is the allocator's too."""
    return Master(header.config, allocator, rng, header.started)


# --- writing -----------------------------------------------------------------------------------

_encoder = msgspec.msgpack.Encoder(enc_hook=str)


def segment_start(header: Header) -> bytes:
    """Return the first bytes of a segment."""
    return _START.pack(MAGIC, FORMAT) + block([_record(Kind.HEADER, _encoder.encode(header))])


def block(records: Iterable[bytes]) -> bytes:
    """Return records as they are written at once."""
    data = b"".join(records)
    length = len(data)
    return _BLOCK.pack(length, length ^ _MASK, zlib.crc32(data)) + data


def kind_of(record: bytes) -> int:
    """Return the `Kind` of an encoded record."""
    return record[4]


def input_record(event: AnyEvent, now: Instant) -> bytes:
    """Return the record of what the core is about to take in."""
    encoded = _encoder.encode(event)
    return _INPUT.pack(len(encoded) + 16, Kind.INPUT, now.monotonic, now.wall) + encoded


def effects_record(effects: Sequence[AnyEffect]) -> bytes:
    """Return the record of what came out of a step."""
    encoded = _encoder.encode(effects)
    return _EFFECTS.pack(12, Kind.EFFECTS, len(effects), len(encoded), zlib.crc32(encoded))


def digest_record(digest: Digest) -> bytes:
    """Return the record of a digest that is known already."""
    return _EFFECTS.pack(12, Kind.EFFECTS, digest.count, digest.size, digest.checksum)


def raised_record(error: BaseException) -> bytes:
    """Return the record of a step that raised."""
    return _record(Kind.RAISED, f"{type(error).__name__}({error})".encode(errors="replace"))


def end_record(reason: str) -> bytes:
    """Return the record that says why nothing follows."""
    return _record(Kind.END, reason.encode(errors="replace"))


def digest(effects: Sequence[AnyEffect]) -> Digest:
    """Return what is kept of ``effects``."""
    return Digest(*_DIGEST.unpack_from(effects_record(effects), _RECORD.size))


def _record(kind: Kind, content: bytes) -> bytes:
    return _RECORD.pack(len(content), kind) + content


# --- reading -----------------------------------------------------------------------------------


def records(data: bytes, *, is_last: bool = True) -> Iterator[Record]:
    """Yield what a segment holds, beginning with its header.

    Args:
        data: The segment.
        is_last: Whether it is the last one of its run. Its last block may then be torn, as a
            master that is killed leaves it, and counts as never written.

    Raises:
        JournalError: It is no journal, of a newer form, or damaged; what was yielded is sound.
    """
    check_start(data)
    at = _START.size
    is_first = True
    while at < len(data):
        length = _block_length(data, at)
        if length is None:
            if is_last and _is_torn(data, at):
                break
            raise JournalError(f"it is damaged at byte {at}")
        for record in _records_in(data, at + _BLOCK.size, length):
            if isinstance(record, Header) != is_first:
                raise JournalError(f"it is damaged at byte {at}: a header stands only at the start")
            is_first = False
            yield record
        at += _BLOCK.size + length
    if is_first:
        raise JournalError("it ends before its header does")


def torn_bytes(data: bytes) -> int:
    """Return how many bytes at the end belong to no whole block."""
    at = _START.size
    while at < len(data) and (length := _block_length(data, at)) is not None:
        at += _BLOCK.size + length
    return max(0, len(data) - at)


def is_unwritten(data: bytes) -> bool:
    """Return whether a segment was begun, and its header did not come to the disk."""
    start = _START.pack(MAGIC, FORMAT)
    if not any(data) or start.startswith(data):
        return True
    is_known = data.startswith(start)
    return is_known and _block_length(data, _START.size) is None and _is_torn(data, _START.size)


def check_start(data: bytes) -> None:
    """Refuse what is no segment, or one of a newer form.

    Raises:
        JournalError: It is not for this program to read.
    """
    if not data.startswith(MAGIC[: len(data)]) or not data:
        raise JournalError("it is no journal of a Tepui master")
    if len(data) < _START.size:
        raise JournalError("it ends before its header does")
    _, version = _START.unpack_from(data)
    if version > FORMAT:
        raise JournalError(
            f"it has form {version}, and this version of Tepui reads up to {FORMAT}: "
            "a newer one wrote it"
        )
    if version < 1:
        raise JournalError(f"it is damaged: there is no form {version}")


def _block_length(data: bytes, at: int) -> int | None:
    """Return the length of the block that begins at ``at``, if it is whole."""
    if at + _BLOCK.size > len(data):
        return None
    length: int
    length, masked, checksum = _BLOCK.unpack_from(data, at)
    begin = at + _BLOCK.size
    if length == 0 or masked != length ^ _MASK or begin + length > len(data):
        return None
    return length if zlib.crc32(memoryview(data)[begin : begin + length]) == checksum else None


def _is_torn(data: bytes, at: int) -> bool:
    """Tell whether the broken block at ``at`` is what an unfinished write leaves."""
    if at + _BLOCK.size > len(data):
        return True
    length, masked, _ = _BLOCK.unpack_from(data, at)
    if masked != length ^ _MASK:
        # A length that is damaged must not swallow what follows it; zeros are what a file has
        # whose end did not come to the disk before the power went.
        return not any(data[at:])
    return bool(at + _BLOCK.size + length >= len(data))


def _records_in(data: bytes, at: int, length: int) -> Iterator[Record]:
    end = at + length
    while at < end:
        begin = at + _RECORD.size
        size, kind = _RECORD.unpack_from(data, at) if begin <= end else (end, 0)
        if begin + size > end:
            raise JournalError(f"it is damaged at byte {at}: a record is longer than its block")
        try:
            record = _decoded(kind, data[begin : begin + size])
        except (ValueError, struct.error, RecursionError) as error:
            raise JournalError(f"the record at byte {at} cannot be read: {error}") from None
        yield record
        at = begin + size


def _decoded(kind: int, content: bytes) -> Record:
    match kind:
        case Kind.HEADER:
            return _headers.decode(content)
        case Kind.INPUT:
            moment = Instant(*_MOMENT.unpack_from(content))
            return Input(moment, decode_event(content[_MOMENT.size :]))
        case Kind.EFFECTS:
            return Digest(*_DIGEST.unpack(content))
        case Kind.RAISED:
            return Raised(content.decode())
        case Kind.END:
            return End(content.decode())
        case _:
            raise ValueError(f"it is of kind {kind}, which is not known")


def _hook(kind: type, value: Any) -> Any:
    if kind is Quantities:
        return Quantities(value)
    raise NotImplementedError(kind)


_headers = msgspec.msgpack.Decoder(Header, dec_hook=_hook)
_events: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


def decode_event(data: bytes) -> AnyEvent:
    """Return the event that was encoded.

    Raises:
        ValueError: There is none of this form.
    """
    try:
        return _events.decode(data)
    except msgspec.ValidationError as error:
        found = _lenient(msgspec.msgpack.decode(data))
        if found is None:
            raise error
        return found


def _lenient(value: dict[str, Any]) -> AnyEvent | None:
    """Return an event whose message holds a number that msgspec's bounds cannot express.

    Peers may send whole numbers up to 2**64, which is beyond what the typed decoder can check.
    """
    given = {name: each for name, each in value.items() if name != "type"}
    try:
        match value.get("type"):
            case "SchedulerCalled":
                given["call"] = read_message(scheduler.Call, _as_json(given["call"]))
                return SchedulerCalled(**given)
            case "OperationRequested":
                operation = read_message(Offer.Operation, _as_json(given["operation"]))
                return OperationRequested(**{**given, "operation": operation})
            case _:
                return None
    except (DecodeError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from None


def _as_json(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float() if value - value != 0:  # infinite, or no number
            return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
        case dict():
            return {key: _as_json(each) for key, each in value.items()}
        case list():
            return [_as_json(each) for each in value]
        case _:
            return value
