"""What is particular to the registry in ZooKeeper, beside the laws of all stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tepui.base.zookeeper_url import parse_url
from tepui.ha.store import Fenced, StoreBatch, StoreError
from tepui.ha.zookeeper import ZooKeeperStore
from tepui.ha.zookeeper import store as store_module

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("zookeeper")]

CREDENTIALS = "tepui:secret"


class Place:
    """One registry, and a client that looks at it from outside."""

    def __init__(self, ensemble: Any, path: str, client: Any) -> None:
        self.client = client
        self.root = f"{path}/tepui-registry"
        self._url = ensemble.url(path)
        self._opened: list[ZooKeeperStore] = []

    def store(self, **options: Any) -> ZooKeeperStore:
        store = ZooKeeperStore(parse_url(self._url), **options)
        self._opened.append(store)
        return store

    def filled(self) -> None:
        store = self.store()
        store.open()
        store.write([StoreBatch(puts={f"agents/{number}": b"x" * 100 for number in range(50)})])

    def record(self) -> str:
        """The path of some record."""
        for bucket in sorted(self.client.get_children(f"{self.root}/records")):
            for name in self.client.get_children(f"{self.root}/records/{bucket}"):
                return f"{self.root}/records/{bucket}/{name}"
        raise AssertionError("there is no record")

    def close(self) -> None:
        for store in self._opened:
            store.close()


@pytest.fixture
def place(zookeeper: Any, zookeeper_paths: Callable[[], str]) -> Any:
    with zookeeper.client() as client:
        found = Place(zookeeper, zookeeper_paths(), client)
        yield found
        found.close()


def test_something_elses_znode_is_refused(place: Place) -> None:
    place.client.create(place.root, b"somebody else's", makepath=True)
    with pytest.raises(StoreError, match="no registry of Tepui's"):
        place.store().open()


@pytest.mark.parametrize(
    ("name", "complaint"), [("", "no registry of Tepui's"), ("/epoch", "its epoch cannot be read")]
)
def test_bytes_that_are_no_text_are_refused(place: Place, name: str, complaint: str) -> None:
    place.filled()
    place.client.set(place.root + name, b'{"application":"\xff","owner":"\xff"}')
    with pytest.raises(StoreError, match=complaint):
        place.store().open()


def test_a_newer_format_is_refused(place: Place) -> None:
    place.filled()
    place.client.set(place.root, b'{"application":"tepui-registry","format":2}')
    with pytest.raises(StoreError, match="has format 2; this version reads 1"):
        place.store().open()


def test_a_record_that_was_changed_is_refused_by_name(place: Place) -> None:
    place.filled()
    content, _ = place.client.get(place.record())
    place.client.set(place.record(), content[:-1] + b"y")
    with pytest.raises(StoreError, match=r"damaged: record agents/\d+: the checksum"):
        place.store().open()


def test_a_record_that_is_cut_off_is_refused(place: Place) -> None:
    place.filled()
    place.client.set(place.record(), b"TP")
    with pytest.raises(StoreError, match="is cut off"):
        place.store().open()


def test_a_record_that_is_missing_is_missed(place: Place) -> None:
    place.filled()
    place.client.delete(place.record())
    with pytest.raises(StoreError, match="there are 49 records, and there were 50"):
        place.store().open()


def test_a_part_that_is_missing_is_said(place: Place) -> None:
    place.filled()
    place.client.delete(f"{place.root}/batch")
    with pytest.raises(StoreError, match="damaged: a part of it is missing"):
        place.store().open()


def test_an_epoch_that_cannot_be_read_is_refused(place: Place) -> None:
    place.filled()
    place.client.set(f"{place.root}/epoch", b"7")
    with pytest.raises(StoreError, match="its epoch cannot be read"):
        place.store().open()


def cut_off(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> tuple[ZooKeeperStore, dict[str, bytes]]:
    """A writer that lost its power in the midst of a large batch, and what that batch said."""

    class PowerCut(Exception):
        pass

    store = place.store()
    store.open()
    store.write([StoreBatch(puts={"agents/0": b"old", "left": b"alone"})])
    commits = 0
    commit = ZooKeeperStore._commit

    def cut(self: ZooKeeperStore, *arguments: Any, **options: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == 8:  # pieces laid down, decided, some of it done
            raise PowerCut
        commit(self, *arguments, **options)

    many = {f"agents/{number}": b"y" * 200 for number in range(5000)}
    monkeypatch.setattr(ZooKeeperStore, "_commit", cut)
    with pytest.raises(PowerCut):
        store.write([StoreBatch(puts=many)])
    monkeypatch.undo()
    epoch = json.loads(place.client.get(f"{place.root}/epoch")[0])
    assert epoch["batch"] > 1
    return store, many


def test_a_large_batch_that_broke_off_is_finished_by_the_next_writer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, many = cut_off(place, monkeypatch)
    successor = place.store()
    assert successor.open() == many | {"left": b"alone"}
    assert place.client.get_children(f"{place.root}/batch") == []
    with pytest.raises(Fenced):
        store.write([StoreBatch(puts={"late": b""})])
    successor.write([StoreBatch(deletes=["left"])])
    assert place.store().open() == many


def test_a_large_batch_of_which_a_part_is_missing_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(place, monkeypatch)
    place.client.delete(f"{place.root}/batch/1")
    with pytest.raises(StoreError, match="damaged: a part of it is missing"):
        place.store().open()


def test_a_large_batch_of_which_a_part_was_changed_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(place, monkeypatch)
    content, _ = place.client.get(f"{place.root}/batch/1")
    place.client.set(f"{place.root}/batch/1", content[:-1] + b"?")
    with pytest.raises(StoreError, match="damaged: its last batch: the checksum of piece 1"):
        place.store().open()


def test_bytes_that_mean_nothing_are_refused_wherever_they_stand(place: Place) -> None:
    place.filled()
    noise = bytes(range(256))
    for path in (place.root, f"{place.root}/epoch", place.record()):
        content, _ = place.client.get(path)
        place.client.set(path, noise)
        with pytest.raises(StoreError, match="registry"):
            place.store().open()
        place.client.set(path, content)
    place.client.create(f"{place.root}/records/00/noise,x", noise)
    with pytest.raises(StoreError, match="is no name of a record"):
        place.store().open()


def test_a_large_batch_that_was_not_decided_never_happened(place: Place) -> None:
    store = place.store()
    store.open()
    store.write([StoreBatch(puts={"a": b"1"})])
    place.client.create(f"{place.root}/batch/0", b"laid down by one who died")
    assert place.store().open() == {"a": b"1"}
    assert place.client.get_children(f"{place.root}/batch") == []


def test_whoever_was_elected_and_leads_no_more_does_not_depose_the_next(place: Place) -> None:
    """A leader that was paused while it opened the registry goes on where it was."""
    leader, paused = place.store(), place.store()
    leader.open()
    asked = 0

    def may_open() -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            leader.write([StoreBatch(puts={"a": b"1"})])  # behind what the other has read
        return asked == 1

    paused.may_open = may_open
    with pytest.raises(Fenced, match="not for us to open any more"):
        paused.open()
    leader.write([StoreBatch(puts={"b": b"2"})])
    assert place.store().open() == {"a": b"1", "b": b"2"}


def test_a_commit_whose_answer_was_lost_is_done_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = place.store()
    store.open()
    wait = store._wait
    is_lost = True

    def lose(result: Any) -> Any:
        nonlocal is_lost
        answer = wait(result)
        if is_lost:
            is_lost = False
            raise store_module.DISCONNECTIONS[0]
        return answer

    monkeypatch.setattr(store, "_wait", lose)
    store.write([StoreBatch(puts={"a": b"1"})])
    store.write([StoreBatch(puts={"b": b"2"})])
    assert place.store().open() == {"a": b"1", "b": b"2"}


def test_servers_that_do_not_answer_are_given_up_in_time() -> None:
    store = ZooKeeperStore(parse_url("zk://127.0.0.1:1/mesos"), fetch_seconds_max=0.2)
    with pytest.raises(StoreError, match="did not answer in time"):
        store.open()
    store.close()


def test_with_credentials_others_may_read_and_not_write(
    zookeeper: Any, zookeeper_paths: Callable[[], str]
) -> None:
    path = zookeeper_paths()
    store = ZooKeeperStore(parse_url(zookeeper.url(path, f"{CREDENTIALS}@")))
    store.open()
    store.write([StoreBatch(puts={"a": b"1"})])
    stranger = ZooKeeperStore(parse_url(zookeeper.url(path)))
    with pytest.raises(StoreError, match="permissions"):
        stranger.open()
    with zookeeper.client() as client:
        assert json.loads(client.get(f"{path}/tepui-registry")[0])["format"] == 1
    stranger.close()
    store.close()
