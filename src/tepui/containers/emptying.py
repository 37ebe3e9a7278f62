"""Remove all that lies below a directory, however hostile whoever filled it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tepui.containers.threads import GivenUp

BATCH = 10_000
"""Names read at a time: a directory of millions must not fill the memory."""
DEPTH = 64
"""Directories held open at a time; two at least."""

_OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def empty_directory(directory: int, is_given_up: Callable[[], bool] = bool) -> None:
    """Remove all that is in an open directory; symbolic links are removed, never followed.

    Raises:
        GivenUp: ``is_given_up`` said so.
        OSError: Something cannot be removed, such as a mount point.
    """
    if os.geteuid() != 0:
        os.fchmod(directory, 0o700)
    _Emptying(directory, is_given_up).run()


class _Level(NamedTuple):
    """A directory that is being emptied, and what is still in it."""

    directory: int
    name: str
    names: Iterator[str]


class _Emptying:
    """One directory on its way to being empty.

    What lies too deep is moved to the top, where its turn comes: so a tree may be deeper than
    a path can say, and costs neither stack nor descriptors.
    """

    def __init__(self, top: int, is_given_up: Callable[[], bool]) -> None:
        self._top = top
        self._is_given_up = is_given_up
        self._numbers = itertools.count()
        self._levels = [_Level(top, "", self._names(top))]

    def run(self) -> None:
        try:
            while self._levels:
                self._step()
        finally:
            for level in self._levels[1:]:
                os.close(level.directory)

    def _step(self) -> None:
        level = self._levels[-1]
        name = next(level.names, None)
        if name is None:
            self._levels.pop()
            if self._levels:
                os.close(level.directory)
                os.rmdir(level.name, dir_fd=self._levels[-1].directory)
        elif _is_removed(level.directory, name):
            pass
        elif len(self._levels) < DEPTH:
            below = _open(name, level.directory)
            self._levels.append(_Level(below, name, self._names(below)))
        else:
            self._move_up(level.directory, name)

    def _names(self, directory: int) -> Iterator[str]:
        """Iterate what is in a directory, as long as the caller removes it, to the last."""
        while True:
            with os.scandir(directory) as entries:
                names = [entry.name for entry in itertools.islice(entries, BATCH)]
            if not names:
                return
            for name in names:
                if self._is_given_up():
                    raise GivenUp
                yield name

    def _move_up(self, directory: int, name: str) -> None:
        # Its own entry ".." changes as well, which takes the right to write to it.
        os.close(_open(name, directory))
        while True:
            fresh = f".removing.{next(self._numbers)}"
            try:
                os.rename(name, fresh, src_dir_fd=directory, dst_dir_fd=self._top)
            except OSError as error:
                if error.errno not in _OCCUPIED:
                    raise
            else:
                return


def _is_removed(directory: int, name: str) -> bool:
    """Remove anything but a directory with something in it, which is left."""
    try:
        # A name that is gone by now was taken away, or moved over, by ourselves.
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
                os.rmdir(name, dir_fd=directory)
            else:
                os.unlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno not in _OCCUPIED:
            raise
        return False
    return True


def _open(name: str, directory: int) -> int:
    """Open a directory of which its owner may have taken all rights from itself."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    is_root = os.geteuid() == 0
    try:
        found = os.open(name, flags, dir_fd=directory)
    except PermissionError:
        if is_root or stat.S_ISLNK(os.lstat(name, dir_fd=directory).st_mode):
            raise
        os.chmod(name, 0o700, dir_fd=directory)
        found = os.open(name, flags, dir_fd=directory)
    if not is_root:
        try:
            os.fchmod(found, 0o700)
        except BaseException:
            os.close(found)
            raise
    return found
