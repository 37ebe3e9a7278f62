"""Where sandboxes are: Mesos' layout, which tools and documents rely on.

``tepui.containers.sandbox`` says the same to those who work with files; a test holds the two
together.
"""

from __future__ import annotations


def _escape(value: str) -> str:
    """Return ``value`` as one path component that cannot lead anywhere else."""
    if value in {"", ".", ".."}:
        return value.replace(".", "%2E") or "%"
    return value.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")


def framework_directory(work_dir: str, agent_id: str, framework_id: str) -> str:
    """Return the directory that holds all that a framework leaves on an agent."""
    return f"{work_dir}/slaves/{_escape(agent_id)}/frameworks/{_escape(framework_id)}"


def executor_directory(work_dir: str, agent_id: str, framework_id: str, executor_id: str) -> str:
    """Return the directory that holds all runs of an executor."""
    framework = framework_directory(work_dir, agent_id, framework_id)
    return f"{framework}/executors/{_escape(executor_id)}"


def run_directory(
    work_dir: str, agent_id: str, framework_id: str, executor_id: str, container_id: str
) -> str:
    """Return the sandbox of one run of an executor."""
    parent = executor_directory(work_dir, agent_id, framework_id, executor_id)
    return f"{parent}/runs/{_escape(container_id)}"


def nested_directory(sandbox: str, container_id: str) -> str:
    """Return the sandbox of a nested container (``<parent>.<child>``) in its parent's."""
    return f"{sandbox}/containers/{_escape(container_id.rpartition('.')[2])}"
