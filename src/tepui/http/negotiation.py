"""What every API endpoint checks before it looks at a call, one small function per rule.

The master's endpoints apply them in this order: method, presence and kind of Content-Type, body
(``read_call``), then their own validation, then Accept (``answer_media_type``). The agent's
operator API looks at Accept before the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from tepui.base.errors import Rejected
from tepui.codec.errors import DecodeError
from tepui.codec.media import JSON, PROTOBUF, RECORDIO, codec_for, negotiate
from tepui.http.messages import Request
from tepui.messages.base import Message

M = TypeVar("M", bound=Message)

#: In the order of preference.
MESSAGE_TYPES: Final = (JSON, PROTOBUF)


def read_call(request: Request, cls: type[M]) -> tuple[M, str]:
    """The message that a POST carries, and the media type it came in.

    Raises:
        Rejected: 405, 400 or 415, the first that applies.
    """
    require_method(request, "POST")
    media_type = content_type(request)
    return decode_body(request, media_type, cls), media_type


def require_method(request: Request, *allowed: str) -> None:
    """Refuse other methods with 405 and an Allow header."""
    if request.method not in allowed:
        methods = ", ".join(allowed)
        raise Rejected(
            f"{request.path} takes {methods}, not {request.method}", 405, (("Allow", methods),)
        )


def content_type(request: Request, offered: Sequence[str] = MESSAGE_TYPES) -> str:
    """The media type of the body.

    It has to be one of ``offered`` to the letter: parameters or other case make it another type.
    """
    media_type = request.headers.get("Content-Type")
    if media_type is None:
        raise Rejected("The Content-Type header is missing", 400)
    if media_type not in offered:
        raise Rejected(f"Content-Type '{media_type}' is not one of {', '.join(offered)}", 415)
    return media_type


def decode_body(request: Request, media_type: str, cls: type[M]) -> M:
    """The message in the body, or a refusal that says where it is wrong."""
    try:
        return codec_for(media_type).decode(cls, request.body)
    except DecodeError as error:
        raise Rejected(f"The body is not a valid {cls.__name__}: {error}", 400) from error


def answer_media_type(request: Request, offered: Sequence[str] = MESSAGE_TYPES) -> str:
    """The media type in which the caller wants its answer."""
    accept = request.headers.get("Accept")
    media_type = negotiate(accept, offered)
    if media_type is None:
        raise Rejected(f"Accept '{accept}' allows none of {', '.join(offered)}", 406)
    return media_type


def stream_media_types(request: Request) -> tuple[str, str]:
    """Content type of a streamed answer, and of the messages in its records.

    The two differ only for a caller that accepts ``application/recordio``, which must then say
    in Message-Accept what the records should hold.
    """
    media_type = answer_media_type(request, (*MESSAGE_TYPES, RECORDIO))
    message_accept = request.headers.get("Message-Accept")
    if media_type != RECORDIO:
        if message_accept is not None:
            raise Rejected(f"Message-Accept needs Accept to be {RECORDIO}", 406)
        return media_type, media_type
    message_type = None if message_accept is None else negotiate(message_accept, MESSAGE_TYPES)
    if message_type is None:
        raise Rejected(
            f"Message-Accept '{message_accept}' allows none of {', '.join(MESSAGE_TYPES)}", 406
        )
    return media_type, message_type


def refuse_message_content_type(request: Request) -> None:
    """Refuse Message-Content-Type on a request whose body is one message, not a stream."""
    if request.headers.get("Message-Content-Type") is not None:
        raise Rejected(f"Message-Content-Type needs Content-Type to be {RECORDIO}", 415)
