"""The virtual file system and its endpoints: what is attached can be read, nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tepui.base.errors import Rejected
from tepui.http.file_routes import FileRoutes
from tepui.http.files import READ_BYTES_MAX, Files
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A sandbox with something secret beside it."""
    root = tmp_path / "sandbox"
    (root / "logs").mkdir(parents=True)
    (root / "stdout").write_text("started\n")
    (root / "logs" / "a.json").write_text("[]")
    (tmp_path / "secret").write_text("secret")
    return root


@pytest.fixture
def router(sandbox: Path) -> Router:
    """The endpoints, with the sandbox at /run."""
    files = Files()
    files.attach("/run", sandbox)
    files.attach("/log", sandbox / "stdout")
    router = Router("slave(1)")
    FileRoutes(files).add_to(router)
    return router


def ask(router: Router, target: str) -> tuple[int, bytes]:
    answer = whole(router, target)
    return answer.status, answer.body


def whole(router: Router, target: str) -> Response:
    try:
        answer = router(Request("GET", target, Headers()))
    except Rejected as refused:
        return Response(refused.status, refused.message.encode())
    assert isinstance(answer, Response)
    return answer


def test_a_directory_is_listed_in_order_with_what_stat_says(router: Router, sandbox: Path) -> None:
    os.utime(sandbox / "stdout", (1_795_225_130, 1_795_225_130))
    (sandbox / "stdout").chmod(0o644)
    status, body = ask(router, "/files/browse?path=/run/")
    listed = msgspec.json.decode(body)
    assert status == 200
    assert [entry["path"] for entry in listed] == ["/run/logs", "/run/stdout"]
    assert listed[0]["mode"].startswith("d")
    assert list(listed[1]) == ["gid", "mode", "mtime", "nlink", "path", "size", "uid"]
    assert listed[1]["mode"] == "-rw-r--r--"
    assert (listed[1]["size"], listed[1]["nlink"]) == (8, 1)
    assert b'"mtime":1795225130.0' in body


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/files/browse", 400),
        ("/files/browse?path=", 400),
        ("/files/browse?path=/nope", 404),
        ("/files/browse?path=/run/nope", 404),
        ("/files/browse?path=/run/stdout", 200),
        ("/files/browse?path=/run/../secret", 400),
        ("/files/browse?path=/log/x", 404),
        ("/files/read", 400),
        ("/files/read?path=/nope", 404),
        ("/files/read?path=/run/nope", 404),
        ("/files/read?path=/run", 400),
        ("/files/read?path=/run/../secret", 400),
        ("/files/read?path=/run/logs/../stdout", 200),
        ("/files/read?path=/run/%00", 400),
        ("/files/read?path=/log", 200),
        ("/files/read?path=/log/x", 404),
        ("/files/read?path=/run/stdout&offset=x", 400),
        ("/files/read?path=/run/stdout&offset=-2", 400),
        ("/files/read?path=/run/stdout&offset=99999999999999999999", 400),
        ("/files/read?path=/run/stdout&offset=0&length=x", 400),
        ("/files/read?path=/run/stdout&offset=0&length=-2", 400),
        ("/files/download", 400),
        ("/files/download?path=/run", 400),
        ("/files/download?path=/nope", 404),
    ],
)
def test_every_refusal_has_its_status(router: Router, target: str, status: int) -> None:
    assert ask(router, target)[0] == status


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b'{"data":"","offset":8}'),
        ("&offset=-1", b'{"data":"","offset":8}'),
        ("&offset=-1&length=3", b'{"data":"","offset":8}'),
        ("&offset=0", b'{"data":"started\\n","offset":0}'),
        ("&offset=0&length=-1", b'{"data":"started\\n","offset":0}'),
        ("&offset=2&length=3", b'{"data":"art","offset":2}'),
        ("&offset=99999&length=10", b'{"data":"","offset":99999}'),
        ("&offset=0&length=2&jsonp=cb", b'cb({"data":"st","offset":0})'),
    ],
)
def test_a_file_is_read_by_offset_and_length(router: Router, query: str, body: bytes) -> None:
    assert ask(router, "/files/read?path=/run/stdout" + query) == (200, body)


def test_one_read_is_bounded_and_never_splits_a_character(router: Router, sandbox: Path) -> None:
    text = "x" + "ü€𝄞" * 20_000
    (sandbox / "stdout").write_text(text)
    offset, parts = 0, []
    while True:
        _, body = ask(router, f"/files/read?path=/run/stdout&offset={offset}")
        data = msgspec.json.decode(body)["data"]
        if not data:
            break
        assert len(data.encode()) <= READ_BYTES_MAX
        parts.append(data)
        offset += len(data.encode())
    assert "".join(parts) == text
    assert len(parts) > 2


def test_bytes_that_are_no_text_are_shown_as_such(router: Router, sandbox: Path) -> None:
    (sandbox / "stdout").write_bytes(b"a\xffb\xc3")
    _, body = ask(router, "/files/read?path=/run/stdout&offset=0")
    assert (
        msgspec.json.decode(body)["data"] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    )


def test_a_download_has_a_name_and_a_type(router: Router) -> None:
    answer = whole(router, "/files/download?path=/run/stdout")
    assert (answer.body, answer.content_type) == (b"started\n", "application/octet-stream")
    assert answer.headers == (("Content-Disposition", "attachment; filename=stdout"),)
    assert whole(router, "/files/download?path=/run/logs/a.json").content_type == "application/json"


def test_a_hostile_name_stays_inside_its_header(router: Router, sandbox: Path) -> None:
    (sandbox / 'a"\r\nB: c').write_text("x")
    answer = whole(router, "/files/download?path=/run/a%22%0D%0AB:%20c")
    assert answer.headers == (("Content-Disposition", 'attachment; filename="a___B: c"'),)


def test_links_do_not_lead_out(router: Router, sandbox: Path) -> None:
    """A task makes what it wants in its sandbox; the agent may be root."""
    (sandbox / "out").symlink_to(sandbox.parent / "secret")
    (sandbox / "up").symlink_to("..")
    (sandbox / "loop").symlink_to("loop")
    (sandbox / "in").symlink_to("stdout")
    for path in ("out", "up", "up/secret", "loop"):
        assert ask(router, f"/files/read?path=/run/{path}&offset=0")[0] == 400, path
        assert ask(router, f"/files/download?path=/run/{path}")[0] == 400, path
    assert ask(router, "/files/browse?path=/run/up")[0] == 400
    assert ask(router, "/files/read?path=/run/in&offset=0&length=1")[0] == 200
    listed = msgspec.json.decode(ask(router, "/files/browse?path=/run")[1])
    modes = {entry["path"].removeprefix("/run/"): entry["mode"][0] for entry in listed}
    assert modes == {"in": "-", "logs": "d", "out": "l", "stdout": "-", "up": "l"}


def test_a_pipe_is_refused_and_does_not_hang(router: Router, sandbox: Path) -> None:
    os.mkfifo(sandbox / "pipe")
    assert ask(router, "/files/read?path=/run/pipe&offset=0")[0] == 400


def test_no_descriptor_is_left_open(router: Router) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for target in ("read?path=/run", "read?path=/run/stdout", "download?path=/run/stdout"):
        ask(router, "/files/" + target)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_deepest_attachment_wins_and_detaching_ends_it(sandbox: Path, tmp_path: Path) -> None:
    files = Files()
    files.attach("/run", sandbox)
    files.attach("/run/logs/", tmp_path)
    assert [entry.path for entry in files.browse("/run/logs")] == [
        "/run/logs/sandbox",
        "/run/logs/secret",
    ]
    files.detach("/run/logs")
    files.detach("/never/attached")
    assert [entry.path for entry in files.browse("/run/logs")] == ["/run/logs/a.json"]
    assert list(files.attached) == ["/run"]
    with pytest.raises(FileNotFoundError):
        files.attach("/gone", tmp_path / "nope")


def test_debug_shows_what_is_attached(router: Router, sandbox: Path) -> None:
    status, body = ask(router, "/files/debug")
    assert status == 200
    assert msgspec.json.decode(body) == {"/log": f"{sandbox}/stdout", "/run": str(sandbox)}
