"""Unpack archives that nobody vouches for.

Names and links that lead out are refused (see ``beneath``), devices too, set-uid bits dropped, and
what comes out is bounded. ``tarfile``'s own ``data`` filter is not relied upon: it is missing in
the first releases of Python 3.11, and could be got around in more of them.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import msgspec

from tepui.containers.beneath import Beneath, Escapes, parts_of
from tepui.containers.threads import GivenUp

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
PIECE_BYTES = 1 << 18
LINK_BYTES_MAX = 4096
READ_BYTES_MAX = 8 << 20
"""No header of a sane archive is longer; those of a bomb are."""


class Unpackable(Exception):
    """The archive is broken, or holds what is not allowed; the text says what."""


class Limits(msgspec.Struct, frozen=True):
    """How much may come out of one archive."""

    bytes_max: int = 16 << 30
    entries_max: int = 500_000


def is_archive(name: str) -> bool:
    """Tell by its name whether Mesos would extract a file."""
    return name.endswith((*TAR_SUFFIXES, ".gz", ".zip"))


def unpack(
    archive: Path,
    destination: Path,
    limits: Limits | None = None,
    is_given_up: Callable[[], bool] = lambda: False,
) -> None:
    """Unpack ``archive``, of a kind that its name tells, into ``destination``.

    Raises:
        Unpackable: It cannot, or must not, be unpacked; what came out so far stays.
        GivenUp: ``is_given_up`` said so.
    """
    try:
        with Beneath(destination) as beneath:
            writer = _Writer(beneath, limits or Limits(), is_given_up)
            if archive.name.endswith(TAR_SUFFIXES):
                _unpack_tar(archive, writer)
            elif archive.name.endswith(".zip"):
                _unpack_zip(archive, writer)
            else:
                _unpack_gzip(archive, writer)
    except Escapes as error:
        raise Unpackable(str(error)) from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        ValueError,
        OverflowError,  # a time far outside the calendar
        RuntimeError,  # an encrypted zip; its subclass NotImplementedError: an odd compression
    ) as error:
        raise Unpackable(f"{archive.name}: {error or type(error).__name__}") from None


class _Writer:
    """Puts entries where they belong and counts them."""

    def __init__(self, beneath: Beneath, limits: Limits, is_given_up: Callable[[], bool]) -> None:
        self.beneath = beneath
        self._limits = limits
        self._is_given_up = is_given_up
        self._bytes = 0
        self._entries = 0

    def count(self) -> None:
        self._entries += 1
        if self._entries > self._limits.entries_max:
            raise Unpackable(f"more than {self._limits.entries_max} entries come out")
        if self._is_given_up():
            raise GivenUp

    def write_directory(self, name: str) -> None:
        self.count()
        if name.strip("/") not in ("", "."):
            os.close(self.beneath.open_directory(parts_of(name)))

    def write_file(self, name: str, mode: int, source: IO[bytes], at: float | None = None) -> None:
        self.count()
        descriptor = self.beneath.create_file(parts_of(name), stat.S_IMODE(mode) & 0o777)
        with os.fdopen(descriptor, "wb") as file:
            while piece := source.read(PIECE_BYTES):
                self._bytes += len(piece)
                if self._bytes > self._limits.bytes_max:
                    raise Unpackable(f"more than {self._limits.bytes_max} bytes come out")
                if self._is_given_up():
                    raise GivenUp
                file.write(piece)
            if at is not None:
                file.flush()
                os.utime(file.fileno(), (at, at))


def _unpack_tar(archive: Path, writer: _Writer) -> None:
    with _open_unpacked(archive) as plain:
        guarded = cast("IO[bytes]", _GuardedReader(plain))
        with tarfile.open(fileobj=guarded, mode="r:", errorlevel=2) as tar:
            for member in tar:
                _unpack_member(tar, member, writer)
                # Or every entry of the archive stays in memory.
                vars(tar)["members"].clear()


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, writer: _Writer) -> None:
    if member.isdir():
        writer.write_directory(member.name)
    elif member.isreg():
        source = tar.extractfile(member)
        assert source is not None  # it is a regular file
        # The owner may always read and write, or the task could not clean up.
        writer.write_file(member.name, member.mode | 0o600, source, member.mtime)
    elif member.issym():
        writer.count()
        writer.beneath.create_symlink(parts_of(member.name), member.linkname)
    elif member.islnk():
        writer.count()
        writer.beneath.create_hard_link(parts_of(member.name), parts_of(member.linkname))
    else:
        raise Unpackable(f"{member.name!r} is neither a file, a directory nor a link")


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            mode = entry.external_attr >> 16
            if entry.is_dir():
                writer.write_directory(entry.filename)
                continue
            with zipped.open(entry) as source:
                if stat.S_ISLNK(mode):
                    writer.count()
                    target = source.read(LINK_BYTES_MAX).decode("utf-8", "surrogateescape")
                    writer.beneath.create_symlink(parts_of(entry.filename), target)
                else:
                    writer.write_file(entry.filename, (mode or 0o644) | 0o600, source)


def _unpack_gzip(archive: Path, writer: _Writer) -> None:
    with gzip.open(archive, "rb") as source:
        writer.write_file(archive.name.removesuffix(".gz"), 0o644, cast("IO[bytes]", source))


def _open_unpacked(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(archive, "rb"))
    if magic.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.open(archive, "rb"))
    if magic.startswith(b"\xfd7zXZ\0"):
        return cast("IO[bytes]", lzma.open(archive, "rb"))
    return archive.open("rb")


class _GuardedReader:
    """A file as ``tarfile`` reads it, which takes a header's length at its word."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= READ_BYTES_MAX:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
