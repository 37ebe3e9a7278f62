"""Run what a command has to ask the cluster, and turn failures into one line."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tepui.cli.errors import EX_FAILED, EX_USAGE, CommandFailed
from tepui.sdk.errors import SdkError
from tepui.sdk.operator import OperatorClient

T = TypeVar("T")


def ask(master: str, question: Callable[[OperatorClient], Awaitable[T]]) -> T:
    """Return the answer to a question that is put to the operator client.

    Raises:
        CommandFailed: The address is none, or the cluster did not answer it.
    """

    try:
        client = OperatorClient(master)
    except ValueError as error:
        raise CommandFailed(f"--master: {error}", EX_USAGE) from error

    async def asking() -> T:
        async with client as operator:
            return await question(operator)

    return run(asking())


def run(work: Coroutine[Any, Any, T], failure_code: int = EX_FAILED) -> T:
    """Run ``work`` on an event loop; SIGTERM and SIGHUP end it in good order, as Ctrl-C does.

    Raises:
        CommandFailed: It raised what the SDK raises on purpose.
        KeyboardInterrupt: It was interrupted.
    """
    try:
        return asyncio.run(_until_terminated(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except SdkError as error:
        raise CommandFailed(str(error), failure_code) from error


async def _until_terminated(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work
