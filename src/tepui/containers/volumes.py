"""Persistent volumes on the disk: directories that outlive every task, linked into sandboxes.

Names come from frameworks, and directories belong to tasks: below a disk's root, and below the
work directory, nothing is reached through a symbolic link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tepui.containers.beneath import Beneath, Escapes, parts_of
from tepui.containers.emptying import empty_directory
from tepui.containers.protocol import VolumeChange, VolumeFailed, VolumeLink, VolumePlace
from tepui.containers.sandbox import Owner
from tepui.containers.threads import in_thread

MODE = 0o755
"""Tasks of several users may share a volume; what they put there has modes of its own."""


def create_volume(place: VolumePlace, *, is_repeated: bool = False) -> bool:
    """Make the directory of a volume; a whole disk is one already.

    Args:
        place: Where it is to be.
        is_repeated: It may be there, and have content.

    Returns:
        Whether it was not there before.

    Raises:
        VolumeFailed: There is something in its place, or it cannot be made.
    """
    with _failing(place, "cannot be made"), Beneath(Path(place.root)) as beneath:
        if not place.parts:
            return False
        _require_names(place)
        parent = beneath.open_directory(place.parts[:-1])
        try:
            os.mkdir(place.parts[-1], MODE, dir_fd=parent)
        except FileExistsError:
            directory = beneath.open_directory(place.parts, create=False)
            try:
                if not is_repeated and not _is_empty(directory):
                    raise VolumeFailed(f"there is something at {place.path} already") from None
            finally:
                os.close(directory)
            return False
        finally:
            os.close(parent)
        return True


def remove_volume(place: VolumePlace, is_given_up: Callable[[], bool] = bool) -> None:
    """Remove a volume with all that is in it; of a whole disk, only what is in it.

    Raises:
        VolumeFailed: Something of it cannot be removed.
        GivenUp: ``is_given_up`` said so.
    """
    with _failing(place, "cannot be wiped"), Beneath(Path(place.root)) as beneath:
        _require_names(place)
        try:
            directory = beneath.open_directory(place.parts, create=False)
        except FileNotFoundError:
            return
        try:
            empty_directory(directory, is_given_up)
        finally:
            os.close(directory)
        if place.parts:
            parent = beneath.open_directory(place.parts[:-1], create=False)
            try:
                os.rmdir(place.parts[-1], dir_fd=parent)
            finally:
                os.close(parent)


def link_volume(work_dir: Path, sandbox: Path, link: VolumeLink, owner: Owner | None) -> bool:
    """Let ``link.container_path`` in a sandbox lead to a volume, and ``owner`` own that.

    Returns:
        Whether it did not before.

    Raises:
        VolumeFailed: The volume is not there, or something else is where the link should be.
    """
    ids = None if owner is None else (owner.uid, owner.gid)
    place = link.place
    with _failing(place, f"cannot be linked to {link.container_path!r}"):
        with Beneath(Path(place.root)) as beneath:
            volume = beneath.open_directory(place.parts, create=False)
            try:
                if ids is not None and link.is_exclusive:
                    os.fchown(volume, *ids)
            finally:
                os.close(volume)
        parts = _parts_in(work_dir, sandbox, link)
        with Beneath(work_dir) as beneath:
            directory = beneath.open_directory(parts[:-1], owner=ids)
            try:
                os.symlink(place.path, parts[-1], dir_fd=directory)
            except FileExistsError:
                if not _leads_to(parts[-1], directory, place):
                    raise VolumeFailed(
                        f"the volume {place.path} cannot be linked to {link.container_path!r}: "
                        "there is something already"
                    ) from None
                return False
            finally:
                os.close(directory)
    return True


def unlink_volume(work_dir: Path, sandbox: Path, link: VolumeLink) -> None:
    """Take the link of `link_volume` away, if it is still what it was."""
    with contextlib.suppress(Escapes, OSError), Beneath(work_dir) as beneath:
        parts = _parts_in(work_dir, sandbox, link)
        directory = beneath.open_directory(parts[:-1], create=False)
        try:
            if _leads_to(parts[-1], directory, link.place):
                os.unlink(parts[-1], dir_fd=directory)
        finally:
            os.close(directory)


class VolumeKeeper:
    """Changes volumes off the loop, one change of a volume after the other.

    Args:
        work_dir: The agent's, without symbolic links.
    """

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir
        self._last: dict[str, asyncio.Future[None]] = {}
        # What a failed wipe has left may be seen by nobody else.
        self._unwiped: dict[str, VolumePlace] = {}

    async def change(self, change: VolumeChange) -> None:
        """Do what ``Containerizer.change_volumes`` promises."""
        paths = [place.path for place in (*change.create, *change.remove)]
        async with self._in_turn(paths):
            await in_thread(lambda given_up: self._change(change, given_up.is_set))

    async def link(self, sandbox: str, links: Sequence[VolumeLink], owner: Owner | None) -> None:
        """Link volumes into a sandbox, all or none.

        Raises:
            VolumeFailed: Nothing was linked.
        """
        async with self._in_turn([sandbox]):
            await self._settled(link.place.path for link in links)
            await in_thread(lambda _: self._link(Path(sandbox), links, owner))

    async def unlink(self, sandbox: str, links: Sequence[VolumeLink]) -> None:
        """Take links out of a sandbox."""
        async with self._in_turn([sandbox]):
            await in_thread(lambda _: self._unlink(Path(sandbox), links))

    def _change(self, change: VolumeChange, is_given_up: Callable[[], bool]) -> None:
        with contextlib.ExitStack() as undo:
            for place in change.create:
                if place.path in self._unwiped or place in change.unwiped:
                    self._wipe(place, is_given_up)
                if create_volume(place, is_repeated=change.is_repeated):
                    undo.callback(remove_volume, place)
            undo.pop_all()
        with contextlib.ExitStack() as undo:
            for place in change.remove:
                self._wipe(place, is_given_up)
                # If another resists, none is destroyed: who uses this one finds it empty.
                undo.callback(create_volume, place)
            undo.pop_all()

    def _wipe(self, place: VolumePlace, is_given_up: Callable[[], bool]) -> None:
        try:
            remove_volume(place, is_given_up)
        except VolumeFailed:
            self._unwiped[place.path] = place
            raise
        self._unwiped.pop(place.path, None)

    def _link(self, sandbox: Path, links: Sequence[VolumeLink], owner: Owner | None) -> None:
        with contextlib.ExitStack() as undo:
            for link in links:
                target = _sandbox_of(sandbox, link)
                if link_volume(self._work_dir, target, link, owner):
                    undo.callback(unlink_volume, self._work_dir, target, link)
            undo.pop_all()

    def _unlink(self, sandbox: Path, links: Sequence[VolumeLink]) -> None:
        for link in links:
            unlink_volume(self._work_dir, _sandbox_of(sandbox, link), link)

    async def _settled(self, paths: Iterable[str]) -> None:
        waiting = [self._last[path] for path in paths if path in self._last]
        if waiting:
            await asyncio.wait(waiting)

    @contextlib.asynccontextmanager
    async def _in_turn(self, paths: Sequence[str]) -> AsyncIterator[None]:
        """Wait for all that was asked for before; what comes later waits for us.

        Whoever changes volumes is cancelled only at the end of the agent.
        """
        before = [self._last[path] for path in paths if path in self._last]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last |= dict.fromkeys(paths, done)
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            done.set_result(None)
            for path in paths:
                if self._last.get(path) is done:
                    del self._last[path]


def _sandbox_of(sandbox: Path, link: VolumeLink) -> Path:
    # A nested sandbox is <parent's>/containers/<id>.
    return sandbox.parent.parent if link.is_in_parent else sandbox


def _parts_in(work_dir: Path, sandbox: Path, link: VolumeLink) -> tuple[str, ...]:
    return (*sandbox.relative_to(work_dir).parts, *parts_of(link.container_path))


def _leads_to(name: str, directory: int, place: VolumePlace) -> bool:
    try:
        return os.readlink(name, dir_fd=directory) == place.path
    except OSError:
        return False  # no link


def _is_empty(directory: int) -> bool:
    with os.scandir(directory) as entries:
        return next(entries, None) is None


def _require_names(place: VolumePlace) -> None:
    for part in place.parts:
        if parts_of(part) != (part,):
            raise Escapes(f"{part!r} is not the name of a directory")


@contextlib.contextmanager
def _failing(place: VolumePlace, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, Escapes, ValueError) as error:
        raise VolumeFailed(f"the volume {place.path} {what}: {error}") from None
