"""Volumes as directories: whatever names and links say, nothing else is touched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tepui.containers import volumes
from tepui.containers.gc import remove_tree
from tepui.containers.protocol import VolumeChange, VolumeFailed, VolumeLink, VolumePlace
from tepui.containers.sandbox import Owner, create_sandbox
from tepui.containers.volumes import (
    VolumeKeeper,
    create_volume,
    link_volume,
    remove_volume,
    unlink_volume,
)

PARTS = ("volumes", "roles", "dev web", "v1")
NOBODY = Owner("nobody", 65534, 65534, (65534,))


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "work"
    path.mkdir()
    return path


@pytest.fixture
def place(work_dir: Path) -> VolumePlace:
    return VolumePlace(str(work_dir), PARTS)


@pytest.fixture
def sandbox(work_dir: Path) -> Path:
    path = work_dir / "slaves" / "a" / "run"
    create_sandbox(work_dir, path, None)
    return path


def link(
    place: VolumePlace, container_path: str = "data", *, is_exclusive: bool = True
) -> VolumeLink:
    return VolumeLink(place=place, container_path=container_path, is_exclusive=is_exclusive)


def test_a_volume_is_a_directory_until_it_is_removed(place: VolumePlace) -> None:
    assert create_volume(place)
    Path(place.path, "file").write_text("x")
    remove_volume(place)
    assert not Path(place.path).exists()
    remove_volume(place)  # it is gone already


def test_what_lies_there_is_not_given_to_a_new_volume(place: VolumePlace) -> None:
    Path(place.path).mkdir(parents=True)
    assert not create_volume(place)
    Path(place.path, "file").write_text("somebody's")
    with pytest.raises(VolumeFailed, match="something"):
        create_volume(place)
    assert not create_volume(place, is_repeated=True)


def test_a_whole_disk_is_emptied_and_stays(tmp_path: Path) -> None:
    place = VolumePlace(str(tmp_path))
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert not create_volume(place)
    remove_volume(place)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    for place in (VolumePlace(str(tmp_path / "no")), VolumePlace(str(tmp_path / "no"), PARTS)):
        with pytest.raises(VolumeFailed, match="No such file"):
            create_volume(place)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", "a\0b", "\ud800"])
def test_names_do_not_lead_out(work_dir: Path, name: str) -> None:
    place = VolumePlace(str(work_dir), ("volumes", name))
    (work_dir / "kept").mkdir()
    for act in (create_volume, remove_volume):
        with pytest.raises(VolumeFailed):
            act(place)
    assert (work_dir / "kept").is_dir()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_links_in_the_way_of_a_volume_are_not_followed(
    work_dir: Path, tmp_path: Path, place: VolumePlace, depth: int
) -> None:
    outside = tmp_path / "outside"
    outside.joinpath(*PARTS[depth:]).mkdir(parents=True)
    (outside / "kept").write_text("kept")
    trap = work_dir.joinpath(*PARTS[:depth])
    trap.parent.mkdir(parents=True, exist_ok=True)
    trap.symlink_to(outside)
    for act in (create_volume, remove_volume):
        with pytest.raises(VolumeFailed, match="is no directory"):
            act(place)
    assert (outside / "kept").read_text() == "kept"


def test_a_task_reads_and_writes_through_its_sandbox(
    work_dir: Path, sandbox: Path, place: VolumePlace
) -> None:
    create_volume(place)
    assert link_volume(work_dir, sandbox, link(place), None)
    (sandbox / "data" / "file").write_text("kept")
    assert Path(place.path, "file").read_text() == "kept"
    assert not link_volume(work_dir, sandbox, link(place), None)


def test_the_end_of_a_sandbox_is_not_that_of_its_volumes(
    work_dir: Path, sandbox: Path, place: VolumePlace
) -> None:
    create_volume(place)
    link_volume(work_dir, sandbox, link(place, "a/b/data"), None)
    (sandbox / "a" / "b" / "data" / "file").write_text("kept")
    remove_tree(work_dir, sandbox)
    assert not sandbox.exists()
    assert Path(place.path, "file").read_text() == "kept"


@pytest.mark.parametrize("path", ["/data", "..", "a/../../b", "", ".", "a\0b"])
def test_volumes_appear_only_inside_of_the_sandbox(
    work_dir: Path, sandbox: Path, place: VolumePlace, path: str
) -> None:
    create_volume(place)
    with pytest.raises(VolumeFailed):
        link_volume(work_dir, sandbox, link(place, path), None)


def test_what_is_in_the_way_stays(work_dir: Path, sandbox: Path, place: VolumePlace) -> None:
    create_volume(place)
    (sandbox / "file").write_text("x")
    (sandbox / "directory").mkdir()
    (sandbox / "link").symlink_to("/etc")
    for name in ("file", "directory", "link"):
        with pytest.raises(VolumeFailed, match="something already"):
            link_volume(work_dir, sandbox, link(place, name), None)
    with pytest.raises(VolumeFailed, match="is no directory"):
        link_volume(work_dir, sandbox, link(place, "link/data"), None)


def test_a_lost_volume_is_not_made_anew(work_dir: Path, sandbox: Path, place: VolumePlace) -> None:
    with pytest.raises(VolumeFailed, match="No such file"):
        link_volume(work_dir, sandbox, link(place), None)
    assert not (sandbox / "data").is_symlink()


def test_only_its_own_link_is_taken_away(work_dir: Path, sandbox: Path, place: VolumePlace) -> None:
    create_volume(place)
    link_volume(work_dir, sandbox, link(place), None)
    unlink_volume(work_dir, sandbox, link(place, "other"))
    unlink_volume(work_dir, sandbox, link(VolumePlace("/elsewhere")))
    unlink_volume(work_dir, sandbox, link(place, "/data"))
    assert (sandbox / "data").is_symlink()
    unlink_volume(work_dir, sandbox, link(place))
    assert not (sandbox / "data").is_symlink()


@pytest.mark.root
def test_a_volume_belongs_to_whom_its_task_runs_as(
    work_dir: Path, sandbox: Path, place: VolumePlace
) -> None:
    create_volume(place)
    Path(place.path, "file").write_text("somebody else's")
    link_volume(work_dir, sandbox, link(place, "a/data", is_exclusive=False), NOBODY)
    assert Path(place.path).stat().st_uid == 0
    assert (sandbox / "a").stat().st_uid == NOBODY.uid
    link_volume(work_dir, sandbox, link(place), NOBODY)
    assert Path(place.path).stat().st_uid == NOBODY.uid
    assert Path(place.path, "file").stat().st_uid == 0


def test_a_change_is_whole_or_not_at_all(work_dir: Path) -> None:
    places = [VolumePlace(str(work_dir), ("volumes", name)) for name in ("a", "b")]
    (work_dir / "volumes" / "b" / "x").mkdir(parents=True)

    async def story() -> None:
        keeper = VolumeKeeper(work_dir)
        with pytest.raises(VolumeFailed):
            await keeper.change(VolumeChange(create=places))
        assert sorted(path.name for path in (work_dir / "volumes").iterdir()) == ["b"]

    asyncio.run(story())


def test_if_one_volume_resists_none_is_destroyed(
    work_dir: Path, place: VolumePlace, tmp_path: Path
) -> None:
    create_volume(place)
    lost = VolumePlace(str(tmp_path / "no such disk"), PARTS)

    async def story() -> None:
        with pytest.raises(VolumeFailed, match="No such file"):
            await VolumeKeeper(work_dir).change(VolumeChange(remove=[place, lost]))

    asyncio.run(story())
    assert Path(place.path).is_dir(), "who uses it finds it empty, and there"


def test_links_are_made_all_or_none(work_dir: Path, sandbox: Path, place: VolumePlace) -> None:
    create_volume(place)
    missing = VolumePlace(str(work_dir), ("volumes", "no"))

    async def story() -> None:
        keeper = VolumeKeeper(work_dir)
        with pytest.raises(VolumeFailed):
            await keeper.link(str(sandbox), [link(place), link(missing, "other")], None)

    asyncio.run(story())
    assert list(sandbox.iterdir()) == []


def test_a_nested_container_shows_its_parents_volumes_there(
    work_dir: Path, sandbox: Path, place: VolumePlace
) -> None:
    create_volume(place)
    nested = sandbox / "containers" / "n"
    create_sandbox(work_dir, nested, None)
    in_parent = VolumeLink(place=place, container_path="data", is_in_parent=True)

    async def story() -> None:
        await VolumeKeeper(work_dir).link(str(nested), [in_parent], None)

    asyncio.run(story())
    assert (sandbox / "data").is_symlink()
    assert list(nested.iterdir()) == []


def test_changes_of_one_volume_happen_one_after_the_other(
    work_dir: Path, sandbox: Path, place: VolumePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume is wiped, made again and linked: slowly, and nobody sees the old content."""
    create_volume(place)
    Path(place.path, "old").write_text("x")
    may_wipe = threading.Event()

    def slowly(which: VolumePlace, is_given_up: object) -> None:
        may_wipe.wait(20)
        remove_volume(which)

    monkeypatch.setattr(volumes, "remove_volume", slowly)

    async def story() -> None:
        keeper = VolumeKeeper(work_dir)
        async with asyncio.TaskGroup() as group:
            group.create_task(keeper.change(VolumeChange(remove=[place])))
            group.create_task(keeper.change(VolumeChange(create=[place])))
            linking = group.create_task(keeper.link(str(sandbox), [link(place)], None))
            other = VolumePlace(str(work_dir), ("volumes", "other"))
            await keeper.change(VolumeChange(create=[other]))  # waits for nobody
            assert not linking.done()
            may_wipe.set()

    asyncio.run(story())
    assert list((sandbox / "data").iterdir()) == []


def test_what_could_not_be_wiped_is_shown_to_nobody(
    tmp_path: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "secret").write_text("x")
    place = VolumePlace(str(disk))

    def resisting(which: VolumePlace, is_given_up: object) -> None:
        raise VolumeFailed(f"{which.path} resists")

    async def story() -> None:
        keeper = VolumeKeeper(work_dir)
        with monkeypatch.context() as patched:
            patched.setattr(volumes, "remove_volume", resisting)
            for change in (VolumeChange(remove=[place]), VolumeChange(create=[place])):
                with pytest.raises(VolumeFailed, match="resists"):
                    await keeper.change(change)
        await keeper.change(VolumeChange(create=[place]))
        assert list(disk.iterdir()) == []

    asyncio.run(story())


def test_what_an_earlier_agent_could_not_wipe_is_wiped_first(place: VolumePlace) -> None:
    create_volume(place)
    Path(place.path, "secret").write_text("x")

    async def story() -> None:
        change = VolumeChange(create=[place], unwiped=[place], is_repeated=True)
        await VolumeKeeper(Path(place.root)).change(change)

    asyncio.run(story())
    assert list(Path(place.path).iterdir()) == []


def test_wiping_ends_with_the_agent_and_the_next_goes_on(
    work_dir: Path, place: VolumePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_volume(place)
    Path(place.path, "file").write_text("x")
    started = threading.Event()

    def until_given_up(which: VolumePlace, is_given_up: Callable[[], bool]) -> None:
        started.set()
        while not is_given_up():
            pass
        remove_volume(which, is_given_up)

    monkeypatch.setattr(volumes, "remove_volume", until_given_up)

    async def story() -> None:
        keeper = VolumeKeeper(work_dir)
        async with asyncio.TaskGroup() as group:
            wiping = group.create_task(keeper.change(VolumeChange(remove=[place])))
            await asyncio.to_thread(started.wait, 20)
            wiping.cancel()

    asyncio.run(story())
    assert Path(place.path, "file").exists()
    remove_volume(place)
