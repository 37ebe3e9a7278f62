"""Bring what URIs name into a sandbox, and unpack or make executable what should be."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import stat
import subprocess
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from tepui.containers.archives import Limits, Unpackable, is_archive, unpack
from tepui.containers.beneath import Beneath, Escapes, give_to, parts_of
from tepui.containers.protocol import URI
from tepui.containers.sandbox import Owner
from tepui.containers.threads import GivenUp, in_thread
from tepui.http.client import Client, ConnectionFailed, resolve_redirect

STALL_SECONDS = 60.0
"""Mesos' default of ``--fetcher_stall_timeout``."""

REDIRECTS_MAX = 10
PIECE_BYTES = 1 << 18
WRITE_BYTES = 1 << 20
FETCH_BYTES_MAX = 1 << 40
REDIRECTING = (301, 302, 303, 307, 308)
PLAIN = (("Accept-Encoding", "identity"),)
"""The file as it lies there: an archive must not be unpacked once on its way."""

PARTIAL_NAME = ".fetching"


class FetchFailed(Exception):
    """One URI could not be fetched.

    Attributes:
        uri: Its value, as given.
        why: What went wrong.
    """

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(f"failed to fetch {uri!r}: {why}")
        self.uri = uri
        self.why = why


class _Refused(Exception):
    """Why one URI cannot be fetched, before it is said which."""


class Fetcher:
    """Fetches over HTTP and from the machine's own files, one URI after the other.

    Args:
        frameworks_home: Where relative paths start; without it they are refused.
        stall_seconds: How long a source may say nothing.
        limits: How much may come out of one archive.
        bytes_max: How large one fetched file may be.

    Attributes:
        runs_succeeded: How many launches with URIs got all of them.
        runs_failed: How many did not, or not yet.
    """

    def __init__(
        self,
        *,
        frameworks_home: str | None = None,
        stall_seconds: float = STALL_SECONDS,
        limits: Limits | None = None,
        bytes_max: int = FETCH_BYTES_MAX,
    ) -> None:
        self._frameworks_home = frameworks_home or None
        self._stall_seconds = stall_seconds
        self._limits = limits or Limits()
        self._bytes_max = bytes_max
        self.runs_succeeded = 0
        self.runs_failed = 0

    async def fetch(self, uris: Sequence[URI], sandbox: Path, owner: Owner | None) -> None:
        """Fetch all of ``uris`` and give the sandbox's content to ``owner``.

        Cancelling it stops it wherever it is; nothing writes to the sandbox afterwards.

        Raises:
            FetchFailed: One could not be had; those before it are in the sandbox.
        """
        if not uris:
            return
        self.runs_failed += 1  # until this one has succeeded
        await self._fetch_all(uris, sandbox, owner)
        self.runs_failed -= 1
        self.runs_succeeded += 1

    async def _fetch_all(self, uris: Sequence[URI], sandbox: Path, owner: Owner | None) -> None:
        for uri in uris:
            try:
                await self._fetch_one(uri, sandbox, owner)
            except (_Refused, Escapes, Unpackable, ConnectionFailed) as error:
                raise FetchFailed(uri.value, str(error)) from None
            except TimeoutError:
                why = f"nothing came for {self._stall_seconds:g} seconds"
                raise FetchFailed(uri.value, why) from None
            except (OSError, ValueError) as error:
                raise FetchFailed(uri.value, str(error)) from None
        if owner is not None:
            await in_thread(lambda _: give_to(sandbox, owner.uid, owner.gid))

    async def _fetch_one(self, uri: URI, sandbox: Path, owner: Owner | None) -> None:
        value = uri.value.strip()
        target = parts_of(_file_name(value) if uri.output_file is None else uri.output_file)
        with Beneath(sandbox) as beneath:
            try:
                mode = 0o755 if uri.executable else 0o644
                with os.fdopen(beneath.create_file([PARTIAL_NAME], mode), "wb") as file:
                    if value.startswith(("http://", "https://")):
                        await self._download(value, file.write)
                    else:
                        path = self._local_path(value)
                        await in_thread(
                            lambda given_up: self._copy(path, owner, file.write, given_up)
                        )
                beneath.rename([PARTIAL_NAME], target)
            finally:
                beneath.unlink([PARTIAL_NAME])
        if uri.extract and not uri.executable and is_archive(target[-1]):
            archive = sandbox.joinpath(*target)
            await in_thread(
                lambda given_up: unpack(archive, sandbox, self._limits, given_up.is_set)
            )

    async def _download(self, url: str, write: Callable[[bytes], object]) -> None:
        received = 0
        waiting = bytearray()
        async with contextlib.aclosing(self._body(url)) as body:
            async for piece in body:
                received += len(piece)
                self._check_size(received)
                waiting += piece
                # A slow disk must not hold the agent's loop.
                if len(waiting) >= WRITE_BYTES:
                    await _write_off_loop(write, bytes(waiting))
                    waiting.clear()
        await _write_off_loop(write, bytes(waiting))

    async def _body(self, url: str) -> AsyncGenerator[bytes, None]:
        async with Client(timeout_seconds=self._stall_seconds) as client:
            for _ in range(REDIRECTS_MAX):
                url = urldefrag(url).url
                async with client.stream(
                    "GET", url, headers=PLAIN, silence_seconds_max=self._stall_seconds
                ) as answer:
                    if answer.status == 200:
                        async for piece in answer:
                            yield piece
                        return
                    location = answer.headers.get("location")
                    if answer.status not in REDIRECTING or not location:
                        raise _Refused(f"the server answered with status {answer.status}")
                    url = resolve_redirect(url, location)
                    if urlsplit(url).scheme not in ("http", "https"):
                        raise _Refused(f"the server redirects to {url!r}")
        raise _Refused(f"the server redirects more than {REDIRECTS_MAX} times")

    def _local_path(self, value: str) -> Path:
        scheme, separator, rest = value.partition("://")
        if separator:
            if scheme != "file":
                raise _Refused(
                    f"there is no fetcher for {scheme!r}: http, https and file are known"
                )
            path = Path(rest.removeprefix("localhost") if rest.startswith("localhost/") else rest)
            if not path.is_absolute():
                raise _Refused("a file URI names an absolute path")
            return path
        path = Path(value)
        if path.is_absolute():
            return path
        if self._frameworks_home is None:
            raise _Refused("a relative path is taken only with --frameworks_home")
        return Path(self._frameworks_home, *parts_of(value))

    def _copy(
        self,
        path: Path,
        owner: Owner | None,
        write: Callable[[bytes], object],
        given_up: threading.Event,
    ) -> None:
        copied = 0
        reader = _read_file(path) if owner is None else _read_as(path, owner, self._stall_seconds)
        with contextlib.closing(reader) as pieces:
            for piece in pieces:
                copied += len(piece)
                self._check_size(copied)
                if given_up.is_set():
                    raise GivenUp
                write(piece)

    def _check_size(self, received: int) -> None:
        if received > self._bytes_max:
            raise _Refused(f"it has more than {self._bytes_max} bytes")


def _file_name(value: str) -> str:
    """Return the name under which Mesos stores a URI: what follows the last slash, as it is."""
    _, separator, rest = value.partition("://")
    path = rest if separator else value
    name = path.rpartition("/")[2]
    if not name or (separator and "/" not in path):
        raise _Refused("it names no file")
    return name


def _read_file(path: Path) -> Generator[bytes, None, None]:
    # Non-blocking, as opening a pipe that nobody writes to would never return.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Refused(f"{path} is no regular file")
        while piece := os.read(descriptor, PIECE_BYTES):
            yield piece
    finally:
        os.close(descriptor)


def _read_as(path: Path, owner: Owner, stall_seconds: float) -> Generator[bytes, None, None]:
    """Read with the rights of ``owner``: a task must not get at files that only root may read."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise _Refused(f"there is no setpriv on this machine to read it as user {owner.name!r}")
    groups = ",".join(map(str, owner.groups)) or str(owner.gid)
    switch = [setpriv, f"--reuid={owner.uid}", f"--regid={owner.gid}", f"--groups={groups}"]
    if path.exists() and not path.is_file():
        raise _Refused(f"{path} is no regular file")
    # vfork: none of the user switching is done by Popen itself.
    process = subprocess.Popen(
        [*switch, "--", "cat", "--", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    assert process.stdout is not None  # both are pipes
    assert process.stderr is not None
    try:
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        while True:
            if not poll.poll(stall_seconds * 1000):
                raise TimeoutError
            piece = os.read(process.stdout.fileno(), PIECE_BYTES)
            if not piece:
                break
            yield piece
        said = process.stderr.read(1000).decode("utf-8", "replace").strip()
        if process.wait() != 0:
            raise _Refused(f"user {owner.name!r} cannot read it: {said}")
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()
        process.wait()


async def _write_off_loop(write: Callable[[bytes], object], data: bytes) -> None:
    await in_thread(lambda _: write(data))
