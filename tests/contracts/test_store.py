"""The laws of `tepui.ha.store.Store`, held by every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tepui.base.zookeeper_url import ZooKeeperUrl, parse_url
from tepui.ha.memory import MemoryContent, MemoryStore
from tepui.ha.sqlite import SqliteStore
from tepui.ha.store import RECORD_BYTES_MAX, Fenced, Store, StoreBatch, StoreError
from tepui.ha.zookeeper import ZooKeeperStore

MakeStore = Callable[[], Store]


ZOOKEEPER = pytest.param("zookeeper", marks=[pytest.mark.xdist_group("zookeeper")])


@pytest.fixture(params=["memory", "sqlite", ZOOKEEPER])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Return a maker of stores that share one content."""
    opened: list[Store] = []
    content = MemoryContent()
    url: ZooKeeperUrl | None = None
    if request.param == "zookeeper":
        path = request.getfixturevalue("zookeeper_paths")()
        url = parse_url(request.getfixturevalue("zookeeper").url(path))

    def make() -> Store:
        store: Store
        if request.param == "memory":
            store = MemoryStore(content)
        elif url is not None:
            store = ZooKeeperStore(url)
        else:
            store = SqliteStore(tmp_path / "deep" / "registry.sqlite")
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


def test_what_was_written_is_there_at_the_next_opening(make_store: MakeStore) -> None:
    store = make_store()
    assert store.open() == {}
    store.write([StoreBatch(puts={"agents/a": b"1", "agents/b": b"\x00\xff"})])
    store.write([StoreBatch(puts={"agents/a": b"2"}, deletes=["agents/b", "agents/none"])])
    store.close()
    assert make_store().open() == {"agents/a": b"2"}


def test_batches_of_one_write_apply_in_order(make_store: MakeStore) -> None:
    store = make_store()
    store.open()
    store.write(
        [
            StoreBatch(puts={"k": b"1"}),
            StoreBatch(deletes=["k"]),
            StoreBatch(puts={"k": b"3"}),
        ]
    )
    assert make_store().open() == {"k": b"3"}


def test_a_writer_is_fenced_once_another_has_opened_the_store(make_store: MakeStore) -> None:
    deposed = make_store()
    deposed.open()
    deposed.write([StoreBatch(puts={"k": b"mine"})])
    leader = make_store()
    assert leader.open() == {"k": b"mine"}
    with pytest.raises(Fenced):
        deposed.write([StoreBatch(puts={"k": b"late"})])
    leader.write([StoreBatch(puts={"l": b"new"})])
    assert make_store().open() == {"k": b"mine", "l": b"new"}


def test_a_record_above_the_bound_is_refused_by_name_and_changes_nothing(
    make_store: MakeStore,
) -> None:
    store = make_store()
    store.open()
    large = b"x" * (RECORD_BYTES_MAX + 1)
    with pytest.raises(StoreError, match=r"agents/big .*1048577"):
        store.write([StoreBatch(puts={"fine": b"1"}), StoreBatch(puts={"agents/big": large})])
    store.write([StoreBatch(puts={"largest": large[1:]})])
    assert list(make_store().open()) == ["largest"]


def test_closing_twice_is_fine(make_store: MakeStore) -> None:
    store = make_store()
    store.open()
    store.close()
    store.close()


def test_a_batch_that_is_larger_than_any_record_is_kept_whole(make_store: MakeStore) -> None:
    store = make_store()
    store.open()
    many = {f"agents/{number}": b"x" * 1000 for number in range(3000)}
    store.write([StoreBatch(puts={"agents/0": b"old", "gone": b"x" * 500_000})])
    store.write([StoreBatch(puts=many, deletes=["gone"]), StoreBatch(deletes=["agents/1"])])
    del many["agents/1"]
    assert make_store().open() == many


def test_keys_may_be_any_text(make_store: MakeStore) -> None:
    store = make_store()
    store.open()
    keys = ["roles/a/b", "..", "with space,1", "a,1", "%2F", "\u00e4\u2192", "x" * 300]
    store.write([StoreBatch(puts={key: key.encode() for key in keys})])
    assert make_store().open() == {key: key.encode() for key in keys}
