"""The registry in ZooKeeper: below ``<path>/tepui-registry``, a znode for each record.

- ``tepui-registry`` says what this is and of which version.
- ``epoch`` holds the claim of the writer that came last. *Every* commit writes it, on the
  condition that it is still as the writer left it. That fences deposed writers, and tells after
  a broken connection whether a commit has happened, so that it is done once.
- ``records/<directory>/<key>`` are the records.
- ``batch/<number>`` holds a batch that is too large for one transaction, until it is applied:
  the claim says how many pieces it has as soon as it counts, and whoever opens the store next
  finishes what was begun.
"""

from __future__ import annotations

import functools
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NodeExistsError,
    NoNodeError,
)
from kazoo.handlers.threading import KazooTimeoutError

from tepui.base.zookeeper_url import ZooKeeperUrl
from tepui.ha.store import Fenced, StoreBatch, StoreError, check_batch
from tepui.ha.zookeeper import records, transactions
from tepui.ha.zookeeper.client import DISCONNECTIONS, STOP_SECONDS, Client, translated
from tepui.ha.zookeeper.multi_read import read_many

FORMAT_VERSION = 1

READ_NODES_MAX = 100
"""Read with one request; their contents come in one answer."""

READS_OUTSTANDING_MAX = 16

_RETRY_SECONDS = 0.05
_APPLICATION = "tepui-registry"

# Of bytes that are no text msgspec complains as Python does.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

T = TypeVar("T")
Q = TypeVar("Q")
Changes = dict[str, bytes | None]


class _Format(msgspec.Struct, frozen=True):
    application: str
    format: int


class _Claim(msgspec.Struct, frozen=True):
    """What stands in ``epoch``.

    Attributes:
        epoch: How often the store was opened.
        owner: Who opened it last.
        commits: How much that one has written.
        records: How many records there are, while no batch is being applied.
        batch: How many pieces the batch has that is being applied.
    """

    epoch: int
    owner: str
    commits: int
    records: int
    batch: int = 0


class ZooKeeperStore:
    """Records in ZooKeeper; its methods block, and give up after a while.

    Args:
        url: The ensemble and the cluster's path.
        session_timeout_seconds: Of its session.
        fetch_seconds_max: How long `open` may take.
        store_seconds_max: How long `write` may take, reconnecting included.

    Attributes:
        may_open: Whether this process still has the right to; asked by `open`.
    """

    def __init__(
        self,
        url: ZooKeeperUrl,
        *,
        session_timeout_seconds: float = 10.0,
        fetch_seconds_max: float = 60.0,
        store_seconds_max: float = 20.0,
    ) -> None:
        self._url = url
        self._root = f"{url.path}/{_APPLICATION}"
        self._name = f"registry {url}/{_APPLICATION}"
        self._session_timeout_seconds = session_timeout_seconds
        self._fetch_seconds_max = fetch_seconds_max
        self._store_seconds_max = store_seconds_max
        self.may_open: Callable[[], bool] = lambda: True
        self._owner = uuid.uuid4().hex
        self._pause = threading.Event()  # never set
        self._client: Client | None = None
        self._kazoo: Any = None
        self._deadline = 0.0
        self._claim = _Claim(0, "", 0, 0)
        self._version = 0
        self._pieces: dict[str, int] = {}
        self._staged: dict[int, None] = {}

    # -- reading --

    def open(self) -> dict[str, bytes]:
        """Claim the registry, making it if it is not there, and return its records.

        Raises:
            Fenced: `may_open` says no.
            StoreError: What is there is no registry, is damaged, or is of a newer version.
        """
        self._deadline = time.monotonic() + self._fetch_seconds_max
        if self._client is None:
            self._client = Client(self._url, self._session_timeout_seconds)
            self._kazoo = self._client.kazoo
            self._client.start()
        try:
            self._retried(self._recognise)
            self._retried(self._take_over)
            return self._recovered()
        except KazooException as error:
            raise self._failed(error) from error

    def _recovered(self) -> dict[str, bytes]:
        """Return the records, after doing what was decided and not done."""
        contents, self._staged = self._retried(self._read_nodes)
        self._pieces = {key: len(pieces) for key, pieces in contents.items()}
        claim = self._claim
        changes: Changes = self._retried(self._read_batch) if claim.batch else {}
        found: dict[str, bytes] = {}
        for key in sorted(contents):
            if key in changes:
                continue  # half of it may be old and half of it new
            try:
                found[key] = records.join(contents[key])
            except records.RecordDamaged as error:
                raise self._damaged(f"record {key}: {error}") from None
        if not claim.batch and len(found) != claim.records:
            raise self._damaged(
                f"there are {len(found)} records, and there were {claim.records} when it was "
                "written last"
            )
        if claim.batch:
            self._apply_batch(changes)
        elif self._staged:
            self._clear_batch()
        return found | {key: value for key, value in changes.items() if value is not None}

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"{self._name} is damaged: {what}")

    def _recognise(self) -> None:
        """Make an empty registry where there is none; refuse what is not ours or not of our time.

        Raises:
            StoreError: It is refused.
        """
        try:
            content = self._wait(self._kazoo.get_async(self._root))[0]
        except NoNodeError:
            self._make()
            content = self._wait(self._kazoo.get_async(self._root))[0]
        try:
            found = msgspec.json.decode(content, type=_Format)
        except _UNREADABLE:
            raise StoreError(f"{self._name} is no registry of Tepui's") from None
        if found.application != _APPLICATION:
            raise StoreError(f"{self._name} is no registry of Tepui's")
        if found.format != FORMAT_VERSION:
            raise StoreError(
                f"{self._name} has format {found.format}; this version reads {FORMAT_VERSION}"
            )

    def _make(self) -> None:
        self._wait(self._kazoo.ensure_path_async(self._url.path))
        transaction = self._kazoo.transaction()
        transaction.create(self._root, msgspec.json.encode(_Format(_APPLICATION, FORMAT_VERSION)))
        transaction.create(f"{self._root}/epoch", msgspec.json.encode(self._claim))
        transaction.create(f"{self._root}/batch", b"")
        transaction.create(f"{self._root}/records", b"")
        for bucket in records.buckets():
            transaction.create(f"{self._root}/records/{bucket}", b"")
        results = self._wait(transaction.commit_async())
        if isinstance(results[0], NodeExistsError):
            return  # somebody was quicker
        transactions.raise_first(results)

    def _take_over(self) -> None:
        """Raise the epoch: nobody who opened the registry before can write from here on."""
        path = f"{self._root}/epoch"
        while True:
            content, stat = self._wait(self._kazoo.get_async(path))
            # Asked between the two: whoever is paused after it finds another version. One that was
            # elected, and paused until another leads, must not depose that one.
            if not self.may_open():
                raise Fenced(f"{self._name} is not for us to open any more")
            found = self._read_claim(content)
            claim = _Claim(found.epoch + 1, self._owner, 0, found.records, found.batch)
            encoded = msgspec.json.encode(claim)
            try:
                stat = self._wait(self._kazoo.set_async(path, encoded, stat.version))
            except BadVersionError:
                continue  # the writer that we depose has written once more
            self._claim = claim
            self._version = stat.version
            return

    def _read_claim(self, content: bytes) -> _Claim:
        try:
            return msgspec.json.decode(content, type=_Claim)
        except _UNREADABLE as error:
            raise self._damaged(f"its epoch cannot be read: {error}") from None

    def _read_nodes(self) -> tuple[dict[str, dict[int, bytes]], dict[int, None]]:
        """Return the pieces of all records, and the numbers of those of a large batch."""
        root = f"{self._root}/records"
        directories = [f"{root}/{bucket}" for bucket in records.buckets()]
        listed = self._answers(self._kazoo.get_children_async, directories)
        paths = [
            f"{directory}/{name}"
            for directory, names in zip(directories, listed, strict=True)
            for name in names
        ]
        contents: dict[str, dict[int, bytes]] = {}
        for path, content in zip(paths, self._contents(paths), strict=True):
            try:
                key, piece = records.key_of(path.rpartition("/")[2])
            except records.RecordDamaged as error:
                raise self._damaged(str(error)) from None
            contents.setdefault(key, {})[piece] = content
        staged = self._wait(self._kazoo.get_children_async(f"{self._root}/batch"))
        if not all(name.isascii() and name.isdecimal() for name in staged):
            raise self._damaged(f"batch holds {sorted(staged)}")
        return contents, dict.fromkeys(sorted(int(name) for name in staged))

    def _read_batch(self) -> Changes:
        """Return the large batch that was decided."""
        paths = [f"{self._root}/batch/{number}" for number in range(self._claim.batch)]
        try:
            encoded = records.join(dict(enumerate(self._contents(paths))))
            pairs = msgspec.msgpack.decode(encoded, type=list[tuple[str, bytes | None]])
        except (records.RecordDamaged, *_UNREADABLE) as error:
            raise self._damaged(f"its last batch: {error}") from None
        return dict(pairs)

    def _contents(self, paths: list[str]) -> Iterator[bytes]:
        """Yield what stands in each of ``paths``.

        Raises:
            NoNodeError: One is gone.
        """
        groups = [
            paths[start : start + READ_NODES_MAX] for start in range(0, len(paths), READ_NODES_MAX)
        ]
        ask = functools.partial(read_many, self._kazoo)
        for group, found in zip(groups, self._answers(ask, groups), strict=True):
            if found is None:
                # A server older than 3.6.
                yield from (content for content, _ in self._answers(self._kazoo.get_async, group))
                continue
            for content in found:
                if isinstance(content, Exception):
                    raise content
                yield content

    def _answers(self, ask: Callable[[Q], Any], questions: Iterable[Q]) -> Iterator[Any]:
        """Yield the answer to each question, some being on their way at once."""
        waiting: deque[Any] = deque()
        for question in questions:
            waiting.append(ask(question))
            if len(waiting) >= READS_OUTSTANDING_MAX:
                yield self._wait(waiting.popleft())
        while waiting:
            yield self._wait(waiting.popleft())

    # -- writing --

    def write(self, batches: Sequence[StoreBatch]) -> None:
        """Apply ``batches`` in order, as many in one transaction as fit.

        Raises:
            Fenced: The registry has been opened again since.
            StoreError: It could not be written.
        """
        if self._client is None:
            raise StoreError(f"{self._name} is not open")
        for batch in batches:
            check_batch(batch)
            if "" in batch.puts:
                raise StoreError("a record needs a key")
        self._deadline = time.monotonic() + self._store_seconds_max
        try:
            self._write_groups(batches)
        except KazooException as error:
            raise self._failed(error) from error

    def _write_groups(self, batches: Sequence[StoreBatch]) -> None:
        together: Changes = {}
        cost = transactions.Cost(0, 0)
        for batch in batches:
            changes: Changes = dict.fromkeys(batch.deletes) | batch.puts
            added = self._cost(changes)
            if together and not transactions.fits(cost + added):
                self._write_group(together, cost)
                together, cost = {}, transactions.Cost(0, 0)
            together |= changes
            cost += added
        self._write_group(together, cost)

    def _write_group(self, changes: Changes, cost: transactions.Cost) -> None:
        if transactions.fits(cost):
            self._commit(self._operations(changes), records=self._count_after(changes))
            self._remember(changes)
        else:
            self._write_large(changes)

    def _write_large(self, changes: Changes) -> None:
        """Lay down what is to be done, decide it in one commit, then do it in many."""
        encoded = msgspec.msgpack.encode(list(changes.items()))
        pieces = records.pieces_of(encoded)
        for number, piece in enumerate(pieces):
            path = f"{self._root}/batch/{number}"
            kind = transactions.Set if number in self._staged else transactions.Create
            self._commit([kind(path, piece)], records=self._claim.records)
            self._staged[number] = None
        self._commit([], records=self._claim.records, batch=len(pieces))
        self._apply_batch(changes)

    def _apply_batch(self, changes: Changes) -> None:
        """Do what the batch says that has been decided; some of it may be done already."""
        for group in transactions.groups(self._operations(changes)):
            self._commit(group, records=self._claim.records, batch=self._claim.batch)
        self._commit([], records=self._count_after(changes))
        self._remember(changes)
        self._clear_batch()

    def _clear_batch(self) -> None:
        """Take away pieces of batches that are done, or that were never decided."""
        operations: list[transactions.Operation] = [
            transactions.Delete(f"{self._root}/batch/{number}") for number in self._staged
        ]
        for group in transactions.groups(operations):
            self._commit(group, records=self._claim.records)
        self._staged.clear()

    def _count_after(self, changes: Changes) -> int:
        count = len(self._pieces)
        for key, value in changes.items():
            count += (value is not None) - (key in self._pieces)
        return count

    def _remember(self, changes: Changes) -> None:
        for key, value in changes.items():
            if value is None:
                self._pieces.pop(key, None)
            else:
                self._pieces[key] = _count_of_pieces(value)

    def _cost(self, changes: Changes) -> transactions.Cost:
        """Return at most how large a transaction ``changes`` make."""
        size = operations = 0
        for key, value in changes.items():
            there = self._pieces.get(key, 0)
            count = there if value is None else max(there, _count_of_pieces(value))
            operations += count
            # A character of a key becomes three of a path, each of its bytes.
            size += len(value or b"") + count * (
                transactions.OPERATION_BYTES + 3 * len(key.encode())
            )
        return transactions.Cost(size, operations)

    def _operations(self, changes: Changes) -> list[transactions.Operation]:
        """Return what has to be done for ``changes``, from what is known to be there."""
        operations: list[transactions.Operation] = []
        for key, value in changes.items():
            there = self._pieces.get(key, 0)
            wanted = [] if value is None else records.pieces_of(value)
            operations += [
                (transactions.Set if number < there else transactions.Create)(
                    self._record_path(key, number), piece
                )
                for number, piece in enumerate(wanted)
            ]
            # Backwards, so that what is left when it breaks off has no hole.
            operations += [
                transactions.Delete(self._record_path(key, number))
                for number in range(there - 1, len(wanted) - 1, -1)
            ]
        return operations

    def _record_path(self, key: str, piece: int) -> str:
        return f"{self._root}/records/{records.node_name(key, piece)}"

    # -- commits --

    def _commit(
        self, operations: Sequence[transactions.Operation], *, records: int, batch: int = 0
    ) -> None:
        """Do all of ``operations`` or none, once, if the registry is still ours.

        Raises:
            Fenced: It is not.
        """
        old = self._claim
        claim = _Claim(old.epoch, self._owner, old.commits + 1, records, batch)
        encoded = msgspec.json.encode(claim)
        path = f"{self._root}/epoch"

        def attempt() -> list[Any]:
            transaction = self._kazoo.transaction()
            transaction.set_data(path, encoded, self._version)
            for operation in operations:
                transactions.add(operation, transaction)
            results: list[Any] = self._wait(transaction.commit_async())
            return results

        results = self._retried(attempt)
        if isinstance(results[0], BadVersionError):
            content, stat = self._retried(lambda: self._wait(self._kazoo.get_async(path)))
            # Our own claim: the commit had happened when the connection broke.
            if content != encoded:
                epoch = self._read_claim(content).epoch
                raise Fenced(f"{self._name}: epoch {claim.epoch} is over: {epoch} has begun")
        else:
            transactions.raise_first(results)
            stat = results[0]
        self._claim = claim
        self._version = stat.version

    def _retried(self, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` does, once the connection lasts for so long.

        Raises:
            StoreError: It did not in the time that there is.
        """
        while True:
            try:
                return attempt()
            except DISCONNECTIONS as error:
                if time.monotonic() >= self._deadline:
                    raise self._late() from error
                self._pause.wait(_RETRY_SECONDS)

    def _wait(self, result: Any) -> Any:
        """Return what a request is answered with, and leave a server that owes it."""
        client = self._client
        assert client is not None, "it has been asked"
        while True:
            connection = client.connections
            left = self._deadline - time.monotonic()
            try:
                return result.get(timeout=max(min(left, client.patience_seconds), 0.001))
            except KazooTimeoutError:
                if left <= client.patience_seconds:
                    raise self._late() from None
                # All requests fail with their connection, this one too.
                client.drop(connection)

    def _late(self) -> StoreError:
        return StoreError(f"{self._name} did not answer in time")

    def _failed(self, error: KazooException) -> StoreError:
        if isinstance(error, NoNodeError):
            return StoreError(f"{self._name} is damaged: a part of it is missing")
        return StoreError(f"{self._name}: {translated(error)}")

    def close(self) -> None:
        """End the session."""
        client, self._client = self._client, None
        if client is not None:
            client.stop().join(STOP_SECONDS)


def _count_of_pieces(value: bytes) -> int:
    return max(1, -(-len(value) // records.PIECE_BYTES_MAX))
