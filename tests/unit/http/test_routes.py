"""Which route a path belongs to."""

from __future__ import annotations

import pytest

from tepui.base.errors import Rejected
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router


def named(request: Request) -> Response:
    return Response(200, f"{request.route}|{request.rest}".encode())


def master() -> Router:
    router = Router("master", disabled_paths=["/files/debug", "/tasks"])
    for path in ("/master/state", "/master/state-summary", "/master/tasks", "/master/quota"):
        router.add(path, named)
    router.add("/master/api/v1", named)
    router.add("/master/api/v1/scheduler", named)
    router.add("/master/redirect", named, exact=True)
    router.add("/master", named, exact=True)
    router.add("/files/read", named)
    router.add("/files/debug", named)
    return router


def ask(router: Router, target: str) -> Response:
    answer = router(Request("GET", target, Headers()))
    assert isinstance(answer, Response)
    return answer


@pytest.mark.parametrize(
    ("target", "served_by"),
    [
        ("/state", "/master/state|"),
        ("/master/state", "/master/state|"),
        ("/state/", "/master/state|"),
        ("/master/state/", "/master/state|"),
        ("/state/x/y", "/master/state|x/y"),
        ("/state?jsonp=cb", "/master/state|"),
        ("/state-summary", "/master/state-summary|"),
        ("/%73tate", "/master/state|"),
        ("/api/v1", "/master/api/v1|"),
        ("/api/v1/operator", "/master/api/v1|operator"),
        ("/api/v1/scheduler", "/master/api/v1/scheduler|"),
        ("/master/api/v1/scheduler/x", "/master/api/v1/scheduler|x"),
        ("/quota/dev%2Fweb", "/master/quota|dev/web"),
        ("/redirect", "/master/redirect|"),
        ("/", "/master|"),
        ("/master/", "/master|"),
        ("/files/read", "/files/read|"),
    ],
)
def test_the_longest_registered_path_serves(target: str, served_by: str) -> None:
    assert ask(master(), target).body.decode() == served_by


@pytest.mark.parametrize(
    "target",
    [
        "/nope",
        "/master/nope",
        "/state.json",
        "/master/state.json",
        "/stat",
        "/state/../tasks",
        "/state/%2e%2e/x",
        "/..",
        "/redirect/x",
        "/files",
        "/files/nope",
        "/master/files/read",
        "/slave(1)/state",
        "*",
    ],
)
def test_what_nobody_serves_is_not_found(target: str) -> None:
    assert ask(master(), target).status == 404


def test_an_agent_serves_under_its_own_name() -> None:
    router = Router("slave(1)")
    router.add("/slave(1)/state", named)
    for target in ("/state", "/slave(1)/state", "/slave%281%29/state/"):
        assert ask(router, target).body == b"/slave(1)/state|"
    assert ask(router, "/slave/state").status == 404


@pytest.mark.parametrize("target", ["/files/debug", "/tasks", "/master/tasks", "/tasks/x"])
def test_the_firewall_closes_a_route_by_every_name(target: str) -> None:
    with pytest.raises(Rejected) as refused:
        ask(master(), target)
    assert refused.value.status == 403


def test_an_actor_added_later_takes_its_paths_back() -> None:
    router = Router("master")
    router.add("/master/metrics/x", named)
    assert ask(router, "/metrics/x").body == b"/master/metrics/x|"
    router.add("/metrics/snapshot", named)
    assert ask(router, "/metrics/x").status == 404
    assert ask(router, "/metrics/snapshot").status == 200
