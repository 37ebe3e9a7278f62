"""Where the names of allocators lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.allocator import AllocatorOptions, HierarchicalAllocator
from tepui.base.flags import FlagError
from tepui.base.rng import Rng
from tepui.daemons.allocators import find_allocator


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a distribution that names allocators, some of them badly."""
    (tmp_path / "stranger.py").write_text(
        "from tepui.allocator import HierarchicalAllocator\n"
        "class Allocator(HierarchicalAllocator): pass\n"
        "number = 7\n"
        "class Bare:\n"
        "    def __init__(self, options, rng): pass\n"
        "    def is_pending(self): return False\n"
        "class Failing:\n"
        "    def __init__(self, options, rng): raise KeyError('no such policy')\n"
    )
    (tmp_path / "broken.py").write_text("raise OSError('out of luck')\n")
    (tmp_path / "mistyped.py").write_text("def (:\n")
    metadata = tmp_path / "stranger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[tepui.allocators]\n"
        "stranger = stranger:Allocator\n"
        "hierarchical = stranger:Allocator\n"
        "number = stranger:number\n"
        "missing = stranger:missing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["hierarchical", "HierarchicalDRF"])
def test_ours_has_mesos_names_and_nobody_elses_takes_its_place(
    name: str, distribution: Path
) -> None:
    assert find_allocator(name) is HierarchicalAllocator


@pytest.mark.parametrize("name", ["stranger", "stranger:Allocator"])
def test_an_allocator_is_found_by_its_entry_point_or_its_place(
    name: str, distribution: Path
) -> None:
    made = find_allocator(name)(AllocatorOptions(), Rng(1))
    assert type(made).__module__ == "stranger"
    assert not made.is_pending()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody", "'nobody' is neither module:attribute nor one of those installed: Hierarchical"),
        ("", "'' is neither"),
        (":", "':' cannot be loaded"),
        ("no.such.module:Allocator", "No module named 'no'"),
        ("stranger:missing", "has no attribute 'missing'"),
        ("missing", "has no attribute 'missing'"),
        ("number", "'number' is 7, which makes no allocator"),
        ("broken:Allocator", "'broken:Allocator' cannot be loaded: OSError: out of luck"),
        ("mistyped:Allocator", "'mistyped:Allocator' cannot be loaded: SyntaxError: invalid"),
    ],
)
def test_what_leads_nowhere_is_refused_by_name(name: str, reason: str, distribution: Path) -> None:
    with pytest.raises(FlagError) as refused:
        find_allocator(name)
    assert "--allocator" in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stranger:Failing", "--allocator=stranger:Failing: KeyError: 'no such policy'"),
        ("stranger:Bare", "is no allocator: it lacks add_framework, update_framework, remove_"),
        ("json:dumps", "--allocator=json:dumps: dumps() takes 1 positional argument but 2 were"),
    ],
)
def test_what_makes_no_allocator_is_refused_when_it_is_made(
    name: str, reason: str, distribution: Path
) -> None:
    make = find_allocator(name)
    with pytest.raises(FlagError) as refused:
        make(AllocatorOptions(), Rng(1))
    assert reason in str(refused.value)
