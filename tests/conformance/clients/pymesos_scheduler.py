"""A scheduler on pymesos: command tasks and custom-executor tasks, messages, a kill.

Usage: ``pymesos_scheduler.py MASTER PYTHON EXECUTOR``. Prints what it saw as one JSON
object and exits 0 when every task came to the end that it should.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

COMMANDS = 20
SUMS = 5
LONG = "long"  # runs until killed

TERMINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR"}


def scalar(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


class Probe(Scheduler):  # type: ignore[misc]
    """Launch everything once, then wait for all ends."""

    def __init__(self, python: str, executor: str) -> None:
        self.executor = {
            "executor_id": {"value": "adder"},
            "name": "adder",
            "command": {"value": f"exec {python} {executor}"},
            "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
        }
        self.wanted = [f"command-{n}" for n in range(COMMANDS)]
        self.wanted += [f"sum-{n}" for n in range(SUMS)] + [LONG]
        self.executor_agent: str | None = None
        self.states: dict[str, list[str]] = {}
        self.data: dict[str, str] = {}
        self.messages: list[str] = []
        self.events: list[str] = []
        self.problems: list[str] = []
        self.finished = threading.Event()

    def registered(self, driver: Any, framework_id: Any, master_info: Any) -> None:
        self.events.append("registered")
        self.executor["framework_id"] = framework_id

    def resourceOffers(self, driver: Any, offers: list[dict[str, Any]]) -> None:
        for offer in offers:
            left = {r["name"]: r.get("scalar", {}).get("value", 0) for r in offer["resources"]}
            agent = offer["agent_id"]["value"]
            tasks = []
            while self.wanted:
                name = self.wanted[0]
                is_custom = not name.startswith("command")
                if is_custom and self.executor_agent not in (None, agent):
                    break
                first = is_custom and self.executor_agent is None
                cpus, mem = 0.1 + 0.1 * first, 16 + 32 * first
                if left["cpus"] < cpus or left["mem"] < mem:
                    break
                left["cpus"] -= cpus
                left["mem"] -= mem
                tasks.append(self.task(self.wanted.pop(0), offer["agent_id"]))
                if is_custom:
                    self.executor_agent = agent
            if tasks:
                driver.launchTasks(offer["id"], tasks, {"refuse_seconds": 0.1})
            else:
                driver.declineOffer(offer["id"], {"refuse_seconds": 0.1})

    def task(self, name: str, agent_id: dict[str, Any]) -> dict[str, Any]:
        task: dict[str, Any] = {
            "name": name,
            "task_id": {"value": name},
            "agent_id": agent_id,
            "resources": [scalar("cpus", 0.1), scalar("mem", 16)],
        }
        if name.startswith("command"):
            number = int(name.split("-")[1])
            task["command"] = {"shell": True, "value": f"echo {name}; exit {number % 2}"}
        else:
            task["executor"] = self.executor
            if name != LONG:
                number = int(name.split("-")[1])
                task["data"] = encode_data(json.dumps([number, 10]).encode())
        return task

    def statusUpdate(self, driver: Any, update: dict[str, Any]) -> None:
        name, state = update["task_id"]["value"], update["state"]
        self.states.setdefault(name, []).append(state)
        if state == "TASK_FINISHED" and update.get("data"):
            self.data[name] = decode_data(update["data"]).decode()
        ended = [states for states in self.states.values() if states[-1] in TERMINAL]
        if len(ended) == COMMANDS + SUMS + 1:
            self.finished.set()

    def frameworkMessage(self, driver: Any, executor_id: Any, agent_id: Any, message: Any) -> None:
        text = decode_data(message).decode()
        self.messages.append(text)
        if text == "waiting":
            driver.sendFrameworkMessage(executor_id, agent_id, encode_data(b"hello"))
        if text == "echo hello":
            driver.killTask({"value": LONG})

    def error(self, driver: Any, message: Any) -> None:
        self.problems.append(str(message))
        self.finished.set()


def main() -> int:
    """Run the probe and print what it saw."""
    master, python, executor = sys.argv[1:]
    probe = Probe(python, executor)
    framework = {"user": "", "name": "pymesos probe", "checkpoint": True, "role": "probe"}
    framework["user"] = __import__("getpass").getuser()
    driver = MesosSchedulerDriver(probe, framework, master)
    thread = threading.Thread(target=driver.run, daemon=True)
    thread.start()
    done = probe.finished.wait(90)
    driver.stop()
    thread.join(20)
    print(
        json.dumps(
            {
                "done": done,
                "states": probe.states,
                "data": probe.data,
                "messages": probe.messages,
                "events": probe.events,
                "problems": probe.problems,
            }
        )
    )
    return 0 if done and not probe.problems else 1


if __name__ == "__main__":
    sys.exit(main())
