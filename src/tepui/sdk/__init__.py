"""Clients of a cluster for asyncio programs: schedulers, executors, operators, batches of tasks."""
