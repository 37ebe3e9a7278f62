"""A virtual file system over logs and sandboxes: what is attached can be read, nothing else.

Tasks own the files in their sandboxes and may be hostile: a symbolic link must not lead out of
what was attached, not even one that is exchanged while we look, and opening a pipe must not hang.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from tepui.base.errors import Rejected

#: One read returns at most this much (16 pages, as in Mesos).
READ_BYTES_MAX: Final = 64 * 1024


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file in a listing."""

    path: str
    nlink: int
    size: int
    mtime_nanoseconds: int
    mode: int
    uid: str
    gid: str


class OpenFile(msgspec.Struct, frozen=True):
    """A regular file that is inside its root, open for reading."""

    fd: int
    name: str
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``."""
        return os.pread(self.fd, length, offset)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)


class Files:
    """Real files and directories by virtual paths."""

    def __init__(self) -> None:
        self._attached: dict[str, Path] = {}

    @property
    def attached(self) -> dict[str, Path]:
        """Every virtual path with what it stands for, in the order of the names."""
        return dict(sorted(self._attached.items()))

    def attach(self, virtual_path: str, real_path: Path | str) -> None:
        """Let ``virtual_path`` stand for a real file or directory.

        Raises:
            OSError: There is no such file.
        """
        self._attached[_normal(virtual_path)] = Path(real_path).resolve(strict=True)

    def detach(self, virtual_path: str) -> None:
        """Take a virtual path away; one that is not attached stays so."""
        self._attached.pop(_normal(virtual_path), None)

    def browse(self, virtual_path: str) -> list[FileEntry]:
        """What a directory holds, in the order of the names; a file holds nothing.

        Raises:
            Rejected: 404 when there is nothing, 400 when the path leads out of its root.
        """
        real, root = self._resolve(virtual_path)
        try:
            names = sorted(entry.name for entry in real.iterdir())
        except NotADirectoryError as error:
            if not real.exists():
                raise _not_found(virtual_path) from error
            return []
        except FileNotFoundError as error:
            raise _not_found(virtual_path) from error
        except PermissionError as error:
            raise Rejected(f"{virtual_path} may not be listed", 403) from error
        entries = (
            _entry(f"{virtual_path.rstrip('/')}/{name}", real / name, root) for name in names
        )
        return [entry for entry in entries if entry is not None]

    def read(self, virtual_path: str, offset: int, length: int | None) -> tuple[int, bytes]:
        """The file's size, and its bytes from ``offset``: at most ``length`` and 64 KiB.

        Raises:
            Rejected: 404 when there is nothing, 400 when it is no file or leads out of its root.
        """
        wanted = READ_BYTES_MAX if length is None else min(length, READ_BYTES_MAX)
        with self.opened(virtual_path) as file:
            return file.size, file.read(offset, wanted)

    @contextmanager
    def opened(self, virtual_path: str) -> Iterator[OpenFile]:
        """A regular file for as long as the context lasts; see ``open``."""
        file = self.open(virtual_path)
        try:
            yield file
        finally:
            file.close()

    def open(self, virtual_path: str) -> OpenFile:
        """Open a regular file; the caller closes it.

        Raises:
            Rejected: 404 when there is nothing, 400 when it is no file or leads out of its root.
        """
        real, root = self._resolve(virtual_path)
        try:
            fd = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _not_found(virtual_path) from error
        except OSError as error:
            status = 403 if isinstance(error, PermissionError) else 400
            raise Rejected(f"{virtual_path} cannot be opened: {error.strerror}", status) from error
        try:
            # The path may have changed since it was resolved: what counts is what was opened.
            if not Path(f"/proc/self/fd/{fd}").resolve().is_relative_to(root):
                raise _escapes(virtual_path)
            status_now = os.fstat(fd)
            if not stat.S_ISREG(status_now.st_mode):
                kind = "a directory" if stat.S_ISDIR(status_now.st_mode) else "not a regular file"
                raise Rejected(f"{virtual_path} is {kind}", 400)
        except BaseException:
            os.close(fd)
            raise
        return OpenFile(fd, real.name, status_now.st_size)

    def _resolve(self, virtual_path: str) -> tuple[Path, Path]:
        """The real path, links followed, and the root that it is inside of."""
        segments = _normal(virtual_path).split("/")
        for length in range(len(segments), 0, -1):
            root = self._attached.get("/".join(segments[:length]))
            if root is None:
                continue
            try:
                real = root.joinpath(*segments[length:]).resolve()
            except (OSError, RuntimeError, ValueError) as error:  # link loops, NUL characters
                raise Rejected(f"{virtual_path!r} is not a path", 400) from error
            if not real.is_relative_to(root):
                raise _escapes(virtual_path)
            return real, root
        raise _not_found(virtual_path)


def mode_text(mode: int) -> str:
    """The mode as ``ls -l`` writes it."""
    return stat.filemode(mode)


def _entry(virtual_path: str, real: Path, root: Path) -> FileEntry | None:
    try:
        # A link that leads out is shown as a link: what it points to is not ours to tell.
        inside = real.resolve().is_relative_to(root)
        status = real.stat() if inside else real.lstat()
    except (OSError, RuntimeError):
        return None  # gone in the meantime, or a link to nothing
    return FileEntry(
        path=virtual_path,
        nlink=status.st_nlink,
        size=status.st_size,
        mtime_nanoseconds=status.st_mtime_ns,
        mode=status.st_mode,
        uid=_user_name(status.st_uid),
        gid=_group_name(status.st_gid),
    )


def _normal(virtual_path: str) -> str:
    return "/" + "/".join(segment for segment in virtual_path.split("/") if segment)


def _not_found(virtual_path: str) -> Rejected:
    return Rejected(f"There is nothing at {virtual_path}", 404)


def _escapes(virtual_path: str) -> Rejected:
    return Rejected(f"{virtual_path} leads out of what is attached", 400)


@lru_cache(maxsize=256)
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(maxsize=256)
def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
