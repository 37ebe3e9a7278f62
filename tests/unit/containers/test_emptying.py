"""Whoever filled a directory cannot keep it from being emptied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tepui.containers import emptying
from tepui.containers.emptying import empty_directory
from tepui.containers.threads import GivenUp


@pytest.fixture
def top(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "top").mkdir()
    descriptor = os.open(tmp_path / "top", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_all_kinds_of_files_are_removed_and_links_are_not_followed(
    top: int, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    root = tmp_path / "top"
    for directory in (root, root / "a", root / "a" / "b"):
        directory.mkdir(exist_ok=True)
        (directory / "file").write_text("x")
        (directory / "link").symlink_to(outside)
        (directory / "file-link").symlink_to(outside / "kept")
        os.mkfifo(directory / "pipe")
        (directory / "empty").mkdir()
    (root / "hard").hardlink_to(outside / "kept")
    empty_directory(top)
    assert list(root.iterdir()) == []
    assert (outside / "kept").read_text() == "kept"


def test_no_depth_is_too_deep(top: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "DEPTH", 2)
    depth = 50
    at = os.dup(top)
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    empty_directory(top)
    assert list((tmp_path / "top").iterdir()) == []


def test_no_width_is_too_wide(top: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "BATCH", 3)
    root = tmp_path / "top"
    for name in range(10):
        (root / f"{name}" / "below" / "more").mkdir(parents=True)
        (root / f"{name}" / "file").write_text("x")
    empty_directory(top)
    assert list(root.iterdir()) == []


def test_the_names_that_it_uses_itself_are_no_trap(
    top: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "top"
    monkeypatch.setattr(emptying, "DEPTH", 2)
    for number in range(3):
        (root / f".removing.{number}" / "x" / "y").mkdir(parents=True)
    (root / ".removing.3").write_text("x")
    (root / ".removing.4").mkdir()
    (root / "a" / "b" / "c").mkdir(parents=True)
    empty_directory(top)
    assert list(root.iterdir()) == []


def test_it_can_be_given_up(top: int, tmp_path: Path) -> None:
    (tmp_path / "top" / "file").write_text("x")
    with pytest.raises(GivenUp):
        empty_directory(top, lambda: True)
    assert (tmp_path / "top" / "file").exists()
