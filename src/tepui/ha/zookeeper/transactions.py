"""Transactions in ZooKeeper: what they consist of, how large they may be, and why one failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from kazoo.exceptions import RolledBackError, RuntimeInconsistency

COMMIT_BYTES_MAX = 256 * 1024
"""ZooKeeper hangs up on requests of 1 MiB (``jute.maxbuffer``), and a server keeps the last 500
transactions in memory: these take an eighth of a gigabyte at most."""

COMMIT_OPERATIONS_MAX = 1_000
"""A transaction holds up all others of the ensemble."""

OPERATION_BYTES = 150
"""What a request says of one operation beside its path and content."""


class Create(msgspec.Struct, frozen=True):
    path: str
    content: bytes


class Set(msgspec.Struct, frozen=True):
    path: str
    content: bytes


class Delete(msgspec.Struct, frozen=True):
    path: str
    content: bytes = b""


Operation = Create | Set | Delete


def add(operation: Operation, transaction: Any) -> None:
    """Make an operation part of one of kazoo's transactions."""
    match operation:
        case Create():
            transaction.create(operation.path, operation.content)
        case Set():
            transaction.set_data(operation.path, operation.content)
        case Delete():
            transaction.delete(operation.path)


class Cost(msgspec.Struct, frozen=True):
    size: int
    operations: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.size + other.size, self.operations + other.operations)


def fits(cost: Cost) -> bool:
    return cost.size <= COMMIT_BYTES_MAX and cost.operations <= COMMIT_OPERATIONS_MAX


def groups(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """Yield ``operations`` in parts of which each fits into one transaction."""
    group: list[Operation] = []
    cost = Cost(0, 0)
    for operation in operations:
        added = Cost(len(operation.content) + len(operation.path) + OPERATION_BYTES, 1)
        if group and not fits(cost + added):
            yield group
            group, cost = [], Cost(0, 0)
        group.append(operation)
        cost += added
    if group:
        yield group


def raise_first(results: Iterable[Any]) -> None:
    """Raise why a transaction was not carried out, if it was not.

    The others of its operations say only that they were not carried out either.
    """
    failures = [result for result in results if isinstance(result, Exception)]
    for failure in failures:
        if not isinstance(failure, RolledBackError | RuntimeInconsistency):
            raise failure
    if failures:
        raise failures[0]
