"""A daemon that is bound but not composed yet."""

from __future__ import annotations

from tepui.daemons.gate import Gate
from tepui.http.messages import Headers, Request, Response


def test_a_closed_gate_answers_that_it_is_not_ready() -> None:
    gate = Gate()
    request = Request(
        "GET",
        "/state",
        Headers.of({}),
        b"",
        peer="127.0.0.1:1",
        local="127.0.0.1:2",
        principal=None,
    )
    answer = gate.handle(request)
    assert isinstance(answer, Response)
    assert answer.status == 503
    gate.open(lambda request: Response(200))
    assert gate.handle(request) == Response(200)
