"""What a framework of the soak knows of its tasks, in a file that outlives it.

Each line is written before the call or the acknowledgement that rests on it, so that after a
kill -9 the file says at least as much as the cluster was told.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tepui.messages import TaskState, TaskStatus

LAUNCHED = "launched"
"""The state of a task of which nothing was heard yet."""

NOT_THERE = frozenset((TaskState.TASK_LOST.value, TaskState.TASK_GONE.value))
"""What a master says of a task that it does not know."""

RECONCILED = "REASON_RECONCILIATION"

TERMINAL = frozenset(
    state.value
    for state in (
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_ERROR,
        TaskState.TASK_LOST,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
        TaskState.TASK_GONE_BY_OPERATOR,
    )
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS framework (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, plan TEXT NOT NULL, seconds REAL NOT NULL,
    launched_at REAL NOT NULL, killed_at REAL, state TEXT NOT NULL, reason TEXT, message TEXT,
    changed_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS by_state ON tasks (state);
CREATE TABLE IF NOT EXISTS history (at REAL NOT NULL, task TEXT NOT NULL, what TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_task ON history (task);
CREATE TABLE IF NOT EXISTS contradictions (task TEXT NOT NULL, what TEXT NOT NULL);
"""


class Entry(NamedTuple):
    """One task.

    Attributes:
        plan: ``long``, ``exit 0``, ``exit 3`` or ``signal 9``: how it ends if nobody interferes.
        seconds: How long it takes then.
        killed_at: When the framework first asked for its end.
        changed_at: When its state was heard.
    """

    id: str
    agent_id: str
    plan: str
    seconds: float
    launched_at: float
    killed_at: float | None
    state: str
    reason: str | None
    message: str | None
    changed_at: float

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""
        return self.state in TERMINAL


_COLUMNS = ", ".join(Entry._fields)


class Ledger:
    """The tasks of one framework."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        # The page cache outlives the process, and nothing here kills the machine.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def framework_id(self) -> str | None:
        """Return the id that the framework was given, if it was."""
        row = self._connection.execute("SELECT id FROM framework").fetchone()
        return None if row is None else row[0]

    def subscribed(self, framework_id: str) -> None:
        """Note the framework's id."""
        self._connection.execute("INSERT OR IGNORE INTO framework VALUES (?)", (framework_id,))

    def entries(self, *, only_live: bool = False) -> list[Entry]:
        """Return the tasks in the order of their launch."""
        query = f"SELECT {_COLUMNS} FROM tasks"
        if only_live:
            query += f" WHERE state NOT IN ({','.join('?' * len(TERMINAL))})"
        rows = self._connection.execute(
            query + " ORDER BY rowid", sorted(TERMINAL) if only_live else []
        )
        return [Entry(*row) for row in rows]

    def count(self) -> int:
        """Return how many tasks there have been."""
        return int(self._connection.execute("SELECT count(*) FROM tasks").fetchone()[0])

    def launching(self, entries: Iterable[Entry]) -> None:
        """Note tasks that are about to be launched."""
        with self._transaction():
            for entry in entries:
                marks = ", ".join("?" * len(entry))
                self._connection.execute(f"INSERT INTO tasks VALUES ({marks})", entry)
                self.note(entry.id, f"ACCEPT with {entry.plan} after {entry.seconds:.1f} s")

    def killing(self, task_id: str) -> None:
        """Note a task that is about to be killed."""
        with self._transaction():
            self._connection.execute(
                "UPDATE tasks SET killed_at = coalesce(killed_at, ?) WHERE id = ?",
                (time.time(), task_id),
            )
            self.note(task_id, "KILL")

    def heard(self, status: TaskStatus) -> None:
        """Note an update, unless it contradicts what is known."""
        task_id, state = status.task_id.value, status.state.value
        row = self._connection.execute(
            "SELECT state, reason FROM tasks WHERE id = ?", (task_id,)
        ).fetchone()
        before, why = row or ("unknown", None)
        reason = status.reason.value if status.reason is not None else None
        uuid = status.uuid.hex()[:8] if status.uuid is not None else "none"
        with self._transaction():
            self.note(task_id, f"UPDATE {state} {reason} {status.message!r} uuid={uuid}")
            is_late = reason == RECONCILED and uuid == "none" and state in NOT_THERE
            if before in TERMINAL and is_late:
                # It was asked for before the end was heard, and answered when all was forgotten.
                return
            if row is None or (before in TERMINAL and before != state):
                self._connection.execute(
                    "INSERT INTO contradictions VALUES (?, ?)",
                    (task_id, f"{state} ({reason}, uuid={uuid}) was told after {before}"),
                )
            # An answer may come before the update itself, which says more.
            elif before != state or (why == RECONCILED and uuid != "none"):
                self._connection.execute(
                    "UPDATE tasks SET state = ?, reason = ?, message = ?, changed_at = ? "
                    "WHERE id = ?",
                    (state, reason, status.message, time.time(), task_id),
                )

    def note(self, task_id: str, what: str) -> None:
        """Add to a task's history."""
        self._connection.execute(
            "INSERT INTO history VALUES (?, ?, ?)", (time.time(), task_id, what)
        )

    def history(self, task_id: str) -> list[tuple[float, str]]:
        """Return what happened to a task, and when."""
        return list(
            self._connection.execute(
                "SELECT at, what FROM history WHERE task = ? ORDER BY rowid", (task_id,)
            )
        )

    def contradictions(self) -> list[tuple[str, str]]:
        """Return updates that contradict what was told before, by task."""
        return list(self._connection.execute("SELECT task, what FROM contradictions"))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
