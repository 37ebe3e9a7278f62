from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tepui.containers.beneath import Beneath, Escapes, give_to, parts_of


@pytest.fixture
def beneath(tmp_path: Path) -> Iterator[Beneath]:
    (tmp_path / "root").mkdir()
    with Beneath(tmp_path / "root") as opened:
        yield opened


def test_a_relative_name_is_cut_into_its_parts() -> None:
    assert parts_of("a/./b//c/") == ("a", "b", "c")


@pytest.mark.parametrize("name", ["/a", "..", "a/../b", "", ".", "a\0b", "a/" * 200])
def test_a_name_that_leads_out_or_nowhere_is_refused(name: str) -> None:
    with pytest.raises(Escapes):
        parts_of(name)


def test_files_are_made_with_the_directories_above_them(beneath: Beneath, tmp_path: Path) -> None:
    for text in (b"first", b"second"):
        with os.fdopen(beneath.create_file(["a", "b"], 0o640), "wb") as file:
            file.write(text)
    assert (tmp_path / "root" / "a" / "b").read_bytes() == b"second"


def test_nothing_is_made_through_a_link(beneath: Beneath, tmp_path: Path) -> None:
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(Escapes):
        beneath.create_file(["link", "file"], 0o644)
    os.close(beneath.create_file(["link"], 0o644))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root"]
    assert not (tmp_path / "root" / "link").is_symlink()


@pytest.mark.parametrize("target", ["b", "d/e", "../x", "../a/l"])
def test_links_that_stay_inside_are_made(beneath: Beneath, tmp_path: Path, target: str) -> None:
    beneath.create_symlink(["a", "l"], target)
    assert (tmp_path / "root" / "a" / "l").readlink() == Path(target)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "d/../../x", "x/..", ""])
def test_links_that_lead_out_or_might_are_refused(beneath: Beneath, target: str) -> None:
    with pytest.raises(Escapes):
        beneath.create_symlink(["a", "l"], target)


def test_a_link_gets_no_second_name_from_where_it_would_lead_out(beneath: Beneath) -> None:
    beneath.create_symlink(["a", "b", "l"], "../../x")
    with pytest.raises(Escapes):
        beneath.create_hard_link(["l"], ["a", "b", "l"])


def test_a_file_gets_a_second_name(beneath: Beneath, tmp_path: Path) -> None:
    os.close(beneath.create_file(["a"], 0o644))
    beneath.create_hard_link(["d", "b"], ["a"])
    assert (tmp_path / "root" / "d" / "b").samefile(tmp_path / "root" / "a")


def test_renaming_and_removing_stay_inside(beneath: Beneath, tmp_path: Path) -> None:
    os.close(beneath.create_file(["a"], 0o644))
    beneath.rename(["a"], ["d", "b"])
    beneath.unlink(["d", "b"])
    beneath.unlink(["d", "b"])
    beneath.unlink(["nowhere", "b"])
    assert list((tmp_path / "root").rglob("*")) == [tmp_path / "root" / "d"]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
def test_links_are_given_away_themselves_not_what_they_name(tmp_path: Path) -> None:
    (tmp_path / "outside").touch()
    (tmp_path / "root" / "d").mkdir(parents=True)
    (tmp_path / "root" / "d" / "link").symlink_to(tmp_path / "outside")
    give_to(tmp_path / "root", 12345, 12345)
    assert (tmp_path / "outside").stat().st_uid == 0
    assert (tmp_path / "root" / "d" / "link").lstat().st_uid == 12345
