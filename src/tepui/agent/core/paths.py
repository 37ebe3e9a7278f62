"""Where sandboxes are: Mesos' layout, which tools and documents rely on."""

from __future__ import annotations


def framework_directory(work_dir: str, agent_id: str, framework_id: str) -> str:
    """Return the directory that holds all that a framework leaves on an agent."""
    return f"{work_dir}/slaves/{agent_id}/frameworks/{framework_id}"


def executor_directory(work_dir: str, agent_id: str, framework_id: str, executor_id: str) -> str:
    """Return the directory that holds all runs of an executor."""
    return f"{framework_directory(work_dir, agent_id, framework_id)}/executors/{executor_id}"


def run_directory(
    work_dir: str, agent_id: str, framework_id: str, executor_id: str, container_id: str
) -> str:
    """Return the sandbox of one run of an executor."""
    parent = executor_directory(work_dir, agent_id, framework_id, executor_id)
    return f"{parent}/runs/{container_id}"


def nested_directory(sandbox: str, container_id: str) -> str:
    """Return the sandbox of a nested container (``<parent>.<child>``) in its parent's."""
    return f"{sandbox}/containers/{container_id.rpartition('.')[2]}"
