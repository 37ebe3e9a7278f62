"""Files below one directory, and never anywhere else, whatever names and links say.

Every step from the top is opened without following symbolic links. So the rights of root can be
used on names that somebody else chose, in directories that somebody else owns.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

DEPTH_MAX = 128
"""Directories in one name; the kernel's own bound on a path comes close to it."""


class Escapes(Exception):
    """A name, or what a link names, is not inside the directory; the text says which."""


def parts_of(name: str) -> tuple[str, ...]:
    """Return the components of a relative name that stays below where it starts.

    Raises:
        Escapes: The name is absolute, goes up, is too deep or names nothing.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Escapes(f"the name {name!r} leads out of its directory")
    if not path.parts or len(path.parts) > DEPTH_MAX:
        raise Escapes(f"the name {name!r} has {len(path.parts)} parts: 1 to {DEPTH_MAX} are taken")
    return path.parts


class Beneath:
    """One directory, held open; use it as a context manager."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._root)

    def open_directory(
        self,
        parts: Sequence[str],
        *,
        create: bool = True,
        owner: tuple[int, int] | None = None,
    ) -> int:
        """Return a descriptor of a directory, made with those above it when missing.

        What is made belongs to ``owner``, a user and a group.

        Raises:
            Escapes: A symbolic link stands in the way.
            OSError: Something else does.
        """
        directory = os.dup(self._root)
        for part in parts:
            is_made = False
            try:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o755, dir_fd=directory)
                        is_made = True
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                below = os.open(part, flags, dir_fd=directory)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise Escapes(f"{'/'.join(parts)!r}: {part!r} is no directory") from None
                raise
            finally:
                os.close(directory)
            directory = below
            if is_made and owner is not None:
                os.fchown(directory, *owner)
        return directory

    def create_file(self, parts: Sequence[str], mode: int) -> int:
        """Return a descriptor to write a new file, in the place of any that was there."""
        directory = self.open_directory(parts[:-1])
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(parts[-1], dir_fd=directory)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            return os.open(parts[-1], flags, mode, dir_fd=directory)
        finally:
            os.close(directory)

    def create_symlink(self, parts: Sequence[str], target: str) -> None:
        """Make a symbolic link whose target lies inside too.

        Going up is taken only at the target's start, where the directories passed are known to
        be no links themselves.

        Raises:
            Escapes: The target is, or may be, outside.
        """
        path = PurePosixPath(target)
        ups = 0
        while ups < len(path.parts) and path.parts[ups] == "..":
            ups += 1
        is_inside = ups < len(parts) and ".." not in path.parts[ups:] and not path.is_absolute()
        if not is_inside or not target:
            raise Escapes(f"the link {'/'.join(parts)!r} to {target!r} leads out of its directory")
        directory = self.open_directory(parts[:-1])
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(parts[-1], dir_fd=directory)
            os.symlink(target, parts[-1], dir_fd=directory)
        finally:
            os.close(directory)

    def create_hard_link(self, parts: Sequence[str], target: Sequence[str]) -> None:
        """Give a file inside a second name.

        Raises:
            Escapes: The target is no file but, say, a link, which means something else elsewhere.
        """
        source = self.open_directory(target[:-1], create=False)
        try:
            if not stat.S_ISREG(os.lstat(target[-1], dir_fd=source).st_mode):
                raise Escapes(f"the hard link {'/'.join(parts)!r} is to something but a file")
            directory = self.open_directory(parts[:-1])
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(parts[-1], dir_fd=directory)
                os.link(
                    target[-1],
                    parts[-1],
                    src_dir_fd=source,
                    dst_dir_fd=directory,
                    follow_symlinks=False,
                )
            finally:
                os.close(directory)
        finally:
            os.close(source)

    def rename(self, parts: Sequence[str], target: Sequence[str]) -> None:
        """Move a file inside to another name inside, in the place of any that was there."""
        source = self.open_directory(parts[:-1], create=False)
        try:
            directory = self.open_directory(target[:-1])
            try:
                os.replace(parts[-1], target[-1], src_dir_fd=source, dst_dir_fd=directory)
            finally:
                os.close(directory)
        finally:
            os.close(source)

    def unlink(self, parts: Sequence[str]) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            directory = self.open_directory(parts[:-1], create=False)
            try:
                os.unlink(parts[-1], dir_fd=directory)
            finally:
                os.close(directory)


def give_to(root: Path, uid: int, gid: int) -> None:
    """Make ``uid`` the owner of all that lies below ``root``; links are not followed."""
    for _, directories, files, descriptor in os.fwalk(root, follow_symlinks=False):
        for name in [*directories, *files]:
            os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
