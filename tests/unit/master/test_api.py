"""What ``POST /api/kill`` says of a body that names no task."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.http.messages import Headers, Request, Response
from tepui.master.api import KillEndpoint


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[]", "expected an object, got []"),
        (b'{"framework_id":"f"}', "task_id: is required"),
        (b'{"framework_id":1,"task_id":"t"}', "framework_id: expected a text, got 1"),
        (b"{", "is not JSON: it ends too early, after 1 bytes"),
    ],
)
def test_the_field_that_is_wrong_is_named(body: bytes, problem: str) -> None:
    nobody: Any = None  # it is refused before anyone is asked
    answer = KillEndpoint(nobody)(Request("POST", "/api/kill", Headers.of({}), body))
    assert isinstance(answer, Response)
    words = f"The body is no object of framework_id and task_id: {problem}"
    assert (answer.status, answer.body) == (400, words.encode())
