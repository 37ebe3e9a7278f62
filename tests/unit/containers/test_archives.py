from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tepui.containers.archives import Limits, Unpackable, is_archive, unpack
from tepui.containers.threads import GivenUp

TAR_MODES = {
    "a.tar": "w",
    "a.tar.gz": "w:gz",
    "a.tgz": "w:gz",
    "a.tar.bz2": "w:bz2",
    "a.tbz2": "w:bz2",
    "a.tar.xz": "w:xz",
    "a.txz": "w:xz",
}


def entry(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def make_tar(path: Path, *entries: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, TAR_MODES[path.name]) as tar:  # type: ignore[call-overload]
        for item in entries:
            if isinstance(item, tuple):
                item[0].size = len(item[1])
                tar.addfile(item[0], io.BytesIO(item[1]))
            else:
                tar.addfile(item)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("name", [*TAR_MODES, "a.zip", "a.gz"])
def test_what_mesos_extracts_is_known_by_its_name(name: str) -> None:
    assert is_archive(name)
    assert not is_archive(name + ".txt")


@pytest.mark.parametrize("name", TAR_MODES)
def test_tar_archives_come_out_whole(tmp_path: Path, out: Path, name: str) -> None:
    archive = make_tar(
        tmp_path / name,
        entry("d", type=tarfile.DIRTYPE),
        (entry("d/run", mode=0o4755, mtime=1_000_000), b"#!"),
        entry("d/link", type=tarfile.SYMTYPE, linkname="run"),
        entry("hard", type=tarfile.LNKTYPE, linkname="d/run"),
        (entry("./empty", mode=0), b""),
    )
    unpack(archive, out)
    assert (out / "d" / "run").read_bytes() == b"#!"
    assert stat.S_IMODE((out / "d" / "run").stat().st_mode) == 0o755
    assert (out / "d" / "run").stat().st_mtime == 1_000_000
    assert (out / "d" / "link").read_bytes() == b"#!"
    assert (out / "hard").samefile(out / "d" / "run")
    assert (out / "empty").read_bytes() == b""


def test_zip_archives_come_out_whole(tmp_path: Path, out: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    run = zipfile.ZipInfo("d/run")
    run.external_attr = (stat.S_IFREG | 0o755) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr("d/", b"")
        zipped.writestr(run, b"#!")
        zipped.writestr(link, b"d/run")
    unpack(tmp_path / "a.zip", out)
    assert (out / "link").read_bytes() == b"#!"
    assert stat.S_IMODE((out / "d" / "run").stat().st_mode) == 0o755


def test_a_single_file_comes_out_beside_its_name(tmp_path: Path, out: Path) -> None:
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(b"1,2"))
    unpack(tmp_path / "data.csv.gz", out)
    assert (out / "data.csv").read_bytes() == b"1,2"


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([(entry("../evil"), b"x")], id="up"),
        pytest.param([(entry("/tmp/evil"), b"x")], id="absolute"),
        pytest.param([entry("l", type=tarfile.SYMTYPE, linkname="/etc")], id="absolute link"),
        pytest.param([entry("l", type=tarfile.SYMTYPE, linkname="..")], id="link up"),
        pytest.param(
            [entry("l", type=tarfile.SYMTYPE, linkname="d"), (entry("l/f"), b"x")],
            id="through a link",
        ),
        pytest.param([entry("h", type=tarfile.LNKTYPE, linkname="/etc/passwd")], id="hard link"),
        pytest.param([entry("h", type=tarfile.LNKTYPE, linkname="../x")], id="hard link up"),
        pytest.param(
            [
                entry("l", type=tarfile.SYMTYPE, linkname="d"),
                entry("h", type=tarfile.LNKTYPE, linkname="l/x"),
            ],
            id="hard link through a link",
        ),
        pytest.param([entry("n", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], id="device"),
        pytest.param([entry("p", type=tarfile.FIFOTYPE)], id="pipe"),
    ],
)
def test_nothing_leads_out_of_the_directory(
    tmp_path: Path, out: Path, entries: list[tarfile.TarInfo]
) -> None:
    archive = make_tar(tmp_path / "a.tar", entry("d", type=tarfile.DIRTYPE), *entries)
    with pytest.raises(Unpackable):
        unpack(archive, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "out"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil"])
def test_nothing_leads_out_of_the_directory_by_zip(tmp_path: Path, out: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr(name, b"x")
    with pytest.raises(Unpackable, match="leads out"):
        unpack(tmp_path / "a.zip", out)


def bomb_tar(directory: Path) -> Path:
    return make_tar(directory / "a.tar.xz", (entry("f"), bytes(1 << 20)))


def bomb_zip(directory: Path) -> Path:
    with zipfile.ZipFile(directory / "a.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("f", bytes(1 << 20))
    return directory / "a.zip"


def bomb_gzip(directory: Path) -> Path:
    (directory / "f.gz").write_bytes(gzip.compress(bytes(1 << 20)))
    return directory / "f.gz"


@pytest.mark.parametrize("bomb", [bomb_tar, bomb_zip, bomb_gzip])
def test_what_comes_out_is_bounded(tmp_path: Path, out: Path, bomb: Callable[[Path], Path]) -> None:
    with pytest.raises(Unpackable, match="more than 600000 bytes"):
        unpack(bomb(tmp_path), out, Limits(bytes_max=600_000))
    assert (out / "f").stat().st_size <= 600_000


def test_the_number_of_entries_is_bounded(tmp_path: Path, out: Path) -> None:
    archive = make_tar(tmp_path / "a.tar", *(entry(f"f{n}") for n in range(4)))
    with pytest.raises(Unpackable, match="more than 3 entries"):
        unpack(archive, out, Limits(entries_max=3))


def test_a_header_that_claims_to_be_huge_is_not_read_into_memory(tmp_path: Path, out: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(entry("x", type=tarfile.XHDTYPE, size=1 << 40).tobuf())
    with pytest.raises(Unpackable, match="header"):
        unpack(archive, out)


@pytest.mark.parametrize("name", [*TAR_MODES, "a.zip", "a.gz"])
def test_a_broken_archive_is_named(tmp_path: Path, out: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no archive at all" * 100)
    with pytest.raises(Unpackable, match=name):
        unpack(tmp_path / name, out)


def test_unpacking_stops_when_nobody_wants_it_any_more(tmp_path: Path, out: Path) -> None:
    archive = make_tar(tmp_path / "a.tar", (entry("f"), b"x"))
    with pytest.raises(GivenUp):
        unpack(archive, out, is_given_up=lambda: True)
    assert list(out.iterdir()) == []
