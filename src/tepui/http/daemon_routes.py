"""The endpoints that every daemon has: /version, /health, /flags and /metrics/snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tepui.base.duration import parse_duration
from tepui.base.errors import Rejected
from tepui.http.files import READ_BYTES_MAX, Files
from tepui.http.jsonp import json_response
from tepui.http.messages import Answer, Request, Response
from tepui.http.routes import Router
from tepui.messages import FileInfo, TimeInfo, VersionInfo

_encode: Final = msgspec.json.Encoder(order="sorted").encode


class DaemonRoutes:
    """What a daemon says about itself; ``add_to`` puts it where Mesos has it.

    Args:
        version: What it is.
        flags: Its flags as Mesos shows them: names and texts.
        metrics: Computes all metrics.
    """

    def __init__(
        self,
        *,
        version: VersionInfo,
        flags: Mapping[str, str],
        metrics: Callable[[], Mapping[str, float]],
    ) -> None:
        self._version = _encode(version)
        self._flags = _encode({"flags": dict(flags)})
        self._metrics = metrics

    def add_to(self, router: Router, main_actor: str) -> None:
        """Serve the endpoints; those of ``main_actor`` also without its name."""
        router.add("/version", self.version)
        router.add("/metrics/snapshot", self.snapshot)
        router.add(f"/{main_actor}/health", self.health)
        router.add(f"/{main_actor}/flags", self.flags)

    def version(self, request: Request) -> Answer:
        """What it is and when it was built."""
        return json_response(request, self._version)

    def health(self, request: Request) -> Answer:
        """That it answers is all there is to say."""
        del request
        return Response(200)

    def flags(self, request: Request) -> Answer:
        """The flags with their values, defaults included."""
        return json_response(request, self._flags)

    def snapshot(self, request: Request) -> Answer:
        """All metrics.

        They take no time worth waiting for, so that ``timeout`` is only read: a wrong one is
        refused as Mesos does.
        """
        timeout = request.param("timeout")
        if timeout is not None:
            try:
                parse_duration(timeout)
            except ValueError as error:
                raise Rejected(f"timeout: {error}", 400) from error
        return json_response(request, _encode(self._metrics()))


def file_infos(files: Files, path: str) -> list[FileInfo]:
    """Return what LIST_FILES tells of a directory."""
    return [
        FileInfo(
            path=entry.path,
            nlink=entry.nlink,
            size=entry.size,
            mtime=TimeInfo(nanoseconds=entry.mtime_nanoseconds),
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
        )
        for entry in files.browse(path)
    ]


def file_part(files: Files, path: str, offset: int, length: int | None) -> tuple[int, bytes]:
    """Return what READ_FILE tells: the size of the file, and bytes of it."""
    wanted = READ_BYTES_MAX if length is None else length
    return files.read(path, offset, wanted)
