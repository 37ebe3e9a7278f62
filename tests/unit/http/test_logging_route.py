"""How much is logged, over /logging/toggle."""

from __future__ import annotations

import pytest

from tepui.base.errors import Rejected
from tepui.http.logging_route import LoggingRoute
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router


class Levels:
    """Remembers for how long it was asked to be at a level."""

    def __init__(self) -> None:
        self.level = 0
        self.seconds = 0.0

    def set(self, level: int, seconds: float) -> None:
        self.level, self.seconds = level, seconds


@pytest.fixture
def levels() -> Levels:
    return Levels()


@pytest.fixture
def router(levels: Levels) -> Router:
    router = Router("master")
    LoggingRoute(levels).add_to(router)
    return router


def ask(router: Router, query: str) -> Response:
    answer = router(Request("GET", f"/logging/toggle{query}", Headers()))
    assert isinstance(answer, Response)
    return answer


def test_the_level_is_told_raised_and_told_again(router: Router, levels: Levels) -> None:
    assert ask(router, "").body == b"0\n"
    assert ask(router, "?level=2&duration=1.5mins") == Response(200)
    assert levels.seconds == 90.0
    assert ask(router, "").body == b"2\n"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?level=1", "duration"),
        ("?duration=5secs", "level"),
        ("?level=-1&duration=5secs", "level: '-1'"),
        ("?level=4294967296&duration=5secs", "level: '4294967296'"),
        ("?level=" + "9" * 5000 + "&duration=5secs", "level"),
        ("?level=1&duration=soon", "duration: 'soon'"),
    ],
)
def test_what_cannot_be_done_is_named(
    router: Router, levels: Levels, query: str, named: str
) -> None:
    with pytest.raises(Rejected, match=named):
        ask(router, query)
    assert levels.level == 0
