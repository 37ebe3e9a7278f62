"""The containers of a supervisor: started, reaped, ended with their whole trees."""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Iterable

from tepui.containers.supervisor.journal import Journal, Record
from tepui.containers.supervisor.launches import BadRequest, Launch, start_process
from tepui.containers.supervisor.log import log
from tepui.containers.supervisor.trees import Ownership, kill_trees, members_below
from tepui.linux.processes import Process, read_process, wait_for_ends

LOOK_AGAIN_SECONDS = 0.01
LOOK_AGAIN_SECONDS_MAX = 1.0

PATIENCE_SECONDS = 10.0
"""How long the end of a tree is awaited before its container counts as ended without it."""


class State(enum.Enum):
    """Where a container is; it is forgotten from ``ENDED`` on request."""

    RUNNING = "running"
    ENDING = "ending"  # its first process exited, or it is being destroyed
    ENDED = "ended"  # nothing of it is left, and its exit may be told


class Containers:
    """Every container since the agent last acknowledged its end.

    Attributes:
        ended: Containers that reached ``ENDED`` and have not been told of.
        stuck: Containers whose trees resist; each is listed once.
        look_again_at: When ``reap`` wants to be called although no child has died.
    """

    def __init__(self, journal: Journal, directory: str) -> None:
        self._journal = journal
        self._directory = directory
        self._ownership = Ownership(journal.records)
        self._states = dict.fromkeys(journal.records, State.ENDED)
        self._container_by_pid: dict[int, str] = {}
        self._ending_since: dict[str, float] = {}
        self._tried: set[str] = set()
        self._delay = LOOK_AGAIN_SECONDS
        self.ended: list[Record] = []
        self.stuck: list[str] = []
        self.look_again_at: float | None = None

    def adopt(self, now: float) -> None:
        """Go on with the children that this process had before it ran this code."""
        own = os.getpid()
        for record in list(self._journal.records.values()):
            container_id = record.container_id
            process = read_process(record.pid)
            is_ours = process is not None and (process.parent, process.start) == (own, record.start)
            if not record.has_exited and is_ours:
                self._container_by_pid[record.pid] = container_id
                self._states[container_id] = State.RUNNING
                continue
            if not record.has_exited:
                self._journal.exited(container_id, None, time.time())
            # Something of its tree may be left.
            self._states[container_id] = State.ENDING
            self._ending_since[container_id] = now
        # Who died on the way has nobody else to be noticed by.
        self.look_again_at = now

    def launch(self, launch: Launch) -> int:
        """Start a container and return the pid of its first process.

        Raises:
            BadRequest: The id is in use.
            OSError: The process could not be started.
            ValueError: The system does not take a text or a number of it.
        """
        if launch.container_id in self._states:
            raise BadRequest(f"there is already a container {launch.container_id}")
        pid = start_process(launch, self._directory)
        process = read_process(pid)
        start = 0 if process is None else process.start
        self._container_by_pid[pid] = launch.container_id
        self._states[launch.container_id] = State.RUNNING
        self._journal.started(Record(launch.container_id, pid, start, launch.sandbox))
        return pid

    def kill(self, container_id: str, number: int) -> None:
        """Signal the group of the first process, which cannot be anyone else's until reaped."""
        record = self._journal.records.get(container_id)
        if record is None or record.has_exited:
            return
        try:
            os.killpg(record.pid, number)
        except OSError as error:
            log("signal_not_sent", container_id=container_id, signal=number, why=error)

    def destroy(self, container_id: str, now: float) -> bool:
        """Begin to end a container; return whether there is anything to end."""
        if self._states.get(container_id, State.ENDED) is State.ENDED:
            return False
        if container_id not in self._ending_since:
            self._states[container_id] = State.ENDING
            self._ending_since[container_id] = now
        return True

    def destroy_all(self, now: float) -> None:
        """Begin to end every container."""
        for container_id in self.running_ids():
            self.destroy(container_id, now)

    def forget(self, container_id: str) -> None:
        """Drop the record of an ended container."""
        if self._states.get(container_id) is State.ENDED:
            del self._states[container_id]
            self._journal.forget(container_id)

    def known(self) -> Iterable[tuple[Record, State]]:
        """Return all containers, ended ones included."""
        records = self._journal.records
        return [(records[container_id], state) for container_id, state in self._states.items()]

    def running_ids(self) -> list[str]:
        """Return the containers of which something may be left."""
        return [key for key, state in self._states.items() if state is not State.ENDED]

    def reap(self, now: float) -> None:
        """Take in the deaths of children and carry on with what is ending."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            container_id = self._container_by_pid.pop(pid, None)
            if container_id is not None:
                self._journal.exited(container_id, status, time.time())
                self._states[container_id] = State.ENDING
                self._ending_since.setdefault(container_id, now)
        if self._ending_since or (self.look_again_at is not None and now >= self.look_again_at):
            self._settle(now)

    def end_all_strays(self) -> None:
        """Kill what is left of any container and cannot be attributed, bounded in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (left := kill_trees(self._all_members)) and time.monotonic() < deadline:
            wait_for_ends(left, deadline - time.monotonic())
            self.reap(time.monotonic())

    def _settle(self, now: float) -> None:
        orphans = self._ownership.orphans(self._container_by_pid)
        unfinished = {
            container_id
            for container_id in self._ending_since
            if not self._journal.records[container_id].has_exited
        }
        unfinished.update(owner for owner in orphans.values() if owner in self._ending_since)
        for container_id in list(self._ending_since):
            if container_id not in unfinished:
                self._finish(container_id)
        homeless = [process for process, owner in orphans.items() if self._is_homeless(owner)]
        if not unfinished and not homeless:
            self.look_again_at = None
            self._delay = LOOK_AGAIN_SECONDS
            return
        if not unfinished <= self._tried:
            self._delay = LOOK_AGAIN_SECONDS
            self.look_again_at = now
        if self.look_again_at is None:
            self.look_again_at = now + self._delay
        if now >= self.look_again_at:
            kill_trees(lambda: self._doomed_members(unfinished))
            self._tried = unfinished
            self._ownership.look_again()
            self.look_again_at = now + self._delay
            self._delay = min(2 * self._delay, LOOK_AGAIN_SECONDS_MAX)
        self._lose_patience(now)

    def _is_homeless(self, owner: str | None) -> bool:
        return self._states.get(owner or "", State.ENDED) is State.ENDED

    def _doomed_members(self, unfinished: set[str]) -> list[Process]:
        # An orphan of nobody may belong to any container that runs; when none does, it goes too.
        is_any_running = bool(self._container_by_pid)

        def roots(processes: dict[int, Process]) -> list[Process]:
            found = [
                processes[pid]
                for pid, container_id in self._container_by_pid.items()
                if container_id in unfinished and pid in processes
            ]
            for process, owner in self._ownership.orphans(self._container_by_pid).items():
                is_doomed = owner in unfinished or (
                    self._is_homeless(owner) and not (owner is None and is_any_running)
                )
                if is_doomed and process.pid in processes:
                    found.append(processes[process.pid])
            return found

        return members_below(roots)

    def _all_members(self) -> list[Process]:
        own = os.getpid()
        return members_below(lambda all_: [p for p in all_.values() if p.parent == own])

    def _finish(self, container_id: str) -> None:
        del self._ending_since[container_id]
        self._states[container_id] = State.ENDED
        self.ended.append(self._journal.records[container_id])

    def _lose_patience(self, now: float) -> None:
        for container_id, since in list(self._ending_since.items()):
            if now - since < PATIENCE_SECONDS:
                continue
            if container_id not in self.stuck:
                log("tree_does_not_end", container_id=container_id)
                self.stuck.append(container_id)
            if self._journal.records[container_id].has_exited:
                # What remains of it is homeless from here on, and killed whenever it can be.
                self._finish(container_id)
