"""JSON as Mesos reads and writes it.

Decoding tries msgspec's typed decoder, which accepts what a well-behaved client sends. What that
refuses is read again by `codec.lenient`, which mends it as Mesos would or says what is wrong.

Encoding is msgspec's too. JSON has no infinities: Mesos writes them as strings, msgspec as null,
and since absent fields are left out a null in the output is how we notice. No schema has a list
of doubles, so that such a null follows a colon.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeVar, cast

import msgspec

from tepui.codec.errors import DecodeError, quote
from tepui.codec.lenient import read_message
from tepui.messages import agent, master
from tepui.messages.base import Message

M = TypeVar("M", bound=Message)

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Message], msgspec.json.Decoder[Any]] = {}


def encode(message: Message) -> bytes:
    """Return the JSON of a message, on one line, keys in the order of the proto."""
    data = _encoder.encode(message)
    # Nearly always false: an infinity somewhere, or a text that says the same.
    if b":null" in data:
        return _encoder.encode(to_builtins(message))
    return data


def decode(cls: type[M], data: bytes) -> M:
    """Return the message that the JSON holds, mended where Mesos would mend it.

    Raises:
        DecodeError: If it is not JSON, or not this message.
    """
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.json.Decoder(cls)
    try:
        return cast(M, decoder.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_message(cls, parse(data))


def to_builtins(message: Message) -> dict[str, Any]:
    """Return what the JSON of a message says, as dicts, lists and scalars."""
    builtins: dict[str, Any] = _finite(msgspec.to_builtins(message))
    return builtins


def parse(data: bytes) -> object:
    """Return what JSON text says, whatever it is.

    Raises:
        DecodeError: It is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise DecodeError("is nested too deeply") from None
    except UnicodeDecodeError:
        raise DecodeError(f"is not JSON: {_not_text(data)}") from None
    except msgspec.DecodeError as error:
        raise DecodeError(_problem(data, error)) from None


def decode_list(cls: type[M], data: bytes) -> tuple[M, ...]:
    """Return the messages that a JSON list describes, by the same rules as `decode`.

    Raises:
        DecodeError: If it is not a list of this message.
    """
    items = parse(data)
    if not isinstance(items, list):
        raise DecodeError(f"expected a list, got {quote(items)}")
    messages: list[M] = []
    for index, item in enumerate(items):
        try:
            messages.append(read_message(cls, item))
        except DecodeError as error:
            raise error.within(f"[{index}]") from None
    return tuple(messages)


def from_builtins(cls: type[M], value: object) -> M:
    """Return the message that parsed JSON describes, by the same rules as `decode`.

    Raises:
        DecodeError: If it is not this message.
    """
    return read_message(cls, value)


def encode_lists(message: Message) -> bytes:
    """Like `encode`, for the answers that write certain lists even when they are empty.

    Those are the answers (and the operator event SUBSCRIBED) that tell of agents, frameworks,
    executors and tasks; any other message is encoded as ever.
    """
    data = _encoder.encode(with_lists(message))
    if b":null" in data:
        return _encoder.encode(_finite(msgspec.to_builtins(with_lists(message))))
    return data


def with_lists(message: Message) -> object:
    """Return something that msgspec encodes like ``message`` with its listed fields always there.

    Only the messages on the way to such a list become dicts; what the lists hold is left as it is.
    """
    cls = type(message)
    if cls not in _LISTS:
        return message
    always = _LISTS[cls]
    shallow: dict[str, object] = {}
    for name in cls.__struct_fields__:
        value = getattr(message, name)
        if value is None or (value == [] and name not in always):
            continue
        shallow[name] = with_lists(value) if isinstance(value, Message) else value
    return shallow


# Measured on a real master and agent: which lists appear although nothing is in them.
_LISTS: dict[type[Message], tuple[str, ...]] = {
    master.Event: (),
    master.Event.Subscribed: (),
    master.Response: (),
    master.Response.GetState: (),
    master.Response.GetAgents: ("agents", "recovered_agents"),
    master.Response.GetExecutors: ("executors",),
    master.Response.GetFrameworks: ("frameworks", "completed_frameworks"),
    master.Response.GetTasks: ("tasks", "unreachable_tasks", "completed_tasks"),
    agent.Response: (),
    agent.Response.GetState: (),
    agent.Response.GetExecutors: ("executors", "completed_executors"),
    agent.Response.GetFrameworks: ("frameworks", "completed_frameworks"),
    agent.Response.GetTasks: (
        "pending_tasks",
        "queued_tasks",
        "launched_tasks",
        "terminated_tasks",
        "completed_tasks",
    ),
}


def _not_text(data: bytes) -> str:
    # The parser counts from the start of the string it is in.
    try:
        bytes(data).decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    return "it holds what is not UTF-8"


def _problem(data: bytes, error: msgspec.DecodeError) -> str:
    """Say where ``data`` ceases to be JSON, as far as the parser knows."""
    words = str(error)
    if found := _AT_BYTE.search(words):
        # It names the byte that is wrong, or the one after it.
        at = int(found[1])
        return f"is not JSON: near byte {at}, in {bytes(data[max(at - 10, 0) : at + 10])!r}"
    if "truncated" in words:
        return f"is not JSON: it ends too early, after {len(data)} bytes"
    return "is not JSON: a number is out of range" if "range" in words else "is not JSON"


_AT_BYTE = re.compile(r"\(byte ([0-9]+)\)")


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            if math.isnan(value):
                return "NaN"
            return "Infinity" if value > 0 else "-Infinity"
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
        case _:
            return value
