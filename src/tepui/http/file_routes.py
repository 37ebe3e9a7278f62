"""The legacy endpoints over ``Files``: /files/browse, read, download and debug."""

from __future__ import annotations

import mimetypes
from typing import Final

import msgspec

from tepui.base.errors import Rejected
from tepui.http.files import READ_BYTES_MAX, FileEntry, Files, OpenFile, mode_text
from tepui.http.jsonp import json_response
from tepui.http.messages import Answer, Request, Response, StreamResponse
from tepui.http.routes import Router
from tepui.http.streams import StreamWriter

# Larger downloads go out piece by piece, as fast as the peer takes them.
_WHOLE_BYTES_MAX: Final = 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024
_QUEUED_BYTES_MAX: Final = 256 * 1024

_NANOSECONDS: Final = 1_000_000_000


class FileRoutes:
    """The four endpoints; ``add_to`` puts them where Mesos has them."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add_to(self, router: Router) -> None:
        """Serve the endpoints under ``/files``."""
        router.add("/files/browse", self.browse)
        router.add("/files/read", self.read)
        router.add("/files/download", self.download)
        router.add("/files/debug", self.debug)

    def browse(self, request: Request) -> Answer:
        """What a directory holds."""
        entries = self._files.browse(_path(request))
        return json_response(request, msgspec.json.encode([_listed(entry) for entry in entries]))

    def read(self, request: Request) -> Answer:
        """A piece of a file as text; without an offset, how long the file is."""
        path = _path(request)
        offset = _number(request, "offset", -1)
        length = _number(request, "length", -1)
        if offset == -1:
            size, _ = self._files.read(path, 0, 0)
            answer = {"data": "", "offset": size}
        else:
            size, data = self._files.read(path, offset, READ_BYTES_MAX if length == -1 else length)
            more = offset + len(data) < size
            answer = {"data": _text(data, more=more), "offset": offset}
        return json_response(request, msgspec.json.encode(answer))

    def download(self, request: Request) -> Answer:
        """A whole file."""
        file = self._files.open(_path(request))
        content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = (("Content-Disposition", f"attachment; filename={_quoted(file.name)}"),)
        if file.size > _WHOLE_BYTES_MAX and request.method != "HEAD":
            download = _Download(file)
            return StreamResponse(200, download.opened, headers, content_type)
        try:
            body = file.read(0, file.size)
        finally:
            file.close()
        return Response(200, body, headers, content_type)

    def debug(self, request: Request) -> Answer:
        """Every attached path."""
        attached = {name: str(path) for name, path in self._files.attached.items()}
        return json_response(request, msgspec.json.encode(attached))


class _Download:
    """Sends one file at the speed at which the peer reads it."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._offset = 0
        self._writer: StreamWriter

    def opened(self, writer: StreamWriter) -> None:
        self._writer = writer
        writer.on_close = lambda _: self._file.close()
        writer.on_writable = self._send
        self._send()

    def _send(self) -> None:
        writer = self._writer
        while not writer.closed and writer.buffered_bytes < _QUEUED_BYTES_MAX:
            # What is appended in the meantime is not part of this download.
            wanted = min(_PIECE_BYTES, self._file.size - self._offset)
            piece = self._file.read(self._offset, wanted)
            if not piece:
                self._file.close()
                writer.close()
                return
            self._offset += len(piece)
            writer.write(piece)


def _path(request: Request) -> str:
    path = request.param("path")
    if not path:
        raise Rejected("The query lacks path=…", 400)
    return path


def _number(request: Request, name: str, default: int) -> int:
    text = request.param(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError as error:
        raise Rejected(f"{name} '{text}' is not a whole number", 400) from error
    if not -1 <= number < 2**63:
        raise Rejected(f"{name} {number} is neither -1 nor a number of bytes", 400)
    return number


def _listed(entry: FileEntry) -> dict[str, object]:
    return {
        "gid": entry.gid,
        "mode": mode_text(entry.mode),
        "mtime": float(entry.mtime_nanoseconds // _NANOSECONDS),
        "nlink": entry.nlink,
        "path": entry.path,
        "size": entry.size,
        "uid": entry.uid,
    }


def _text(data: bytes, *, more: bool) -> str:
    """``data`` as text; a character that the end cuts in two is left for the next read."""
    if more:
        for length in range(1, min(4, len(data) + 1)):
            lead = data[-length]
            if lead >= 0xC0:
                complete = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
                if length < complete and length < len(data):
                    data = data[:-length]
                break
            if lead < 0x80:
                break
    return data.decode(errors="replace")


def _quoted(name: str) -> str:
    """A file name for a header: as it is if that is safe, else quoted, without what is not."""
    if name.isascii() and all(char.isalnum() or char in "._-+@" for char in name):
        return name
    safe = "".join(char if char.isprintable() and char.isascii() else "_" for char in name)
    return '"' + safe.replace("\\", "_").replace('"', "_") + '"'
