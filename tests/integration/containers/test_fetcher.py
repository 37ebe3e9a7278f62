"""Fetching over real HTTP and from real files."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tepui.containers.fetcher import Fetcher, FetchFailed
from tepui.containers.protocol import URI
from tepui.containers.users import find_owner

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    (tmp_path / "sandbox").mkdir()
    return tmp_path / "sandbox"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("inside")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"text"))
    return tmp_path / "a.tar.gz"


def whole(body: bytes, head: str = "200 OK", *fields: str) -> Answer:
    lines = [f"HTTP/1.1 {head}", f"Content-Length: {len(body)}", "Connection: close", *fields]

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    return answer


def redirect(location: str) -> Answer:
    return whole(b"", "302 Found", f"Location: {location}")


def pack(path: Path) -> bytes:
    return path.read_bytes()


async def hang_up_halfway(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


@asynccontextmanager
async def served(answers: dict[str, Answer]) -> AsyncIterator[str]:
    """A server that answers by path, and says nothing on any other."""

    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        if path in answers:
            await answers[path](writer)
        else:
            await reader.read(-1)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*serving)


def fetch(uri: URI, sandbox: Path, fetcher: Fetcher | None = None) -> None:
    asyncio.run((fetcher or Fetcher()).fetch([uri], sandbox, None))


def names(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def test_a_file_is_copied_under_its_own_name(tmp_path: Path, sandbox: Path) -> None:
    (tmp_path / "data").write_bytes(b"text")
    fetch(URI(value=str(tmp_path / "data")), sandbox)
    fetch(URI(value=f"file://{tmp_path}/data", output_file="d/e"), sandbox)
    fetch(URI(value=f"file://localhost{tmp_path}/data", output_file="f"), sandbox)
    assert names(sandbox) == ["d/e", "data", "f"]
    assert (sandbox / "d" / "e").read_bytes() == b"text"
    assert stat.S_IMODE((sandbox / "data").stat().st_mode) == 0o644


def test_an_archive_is_extracted_unless_told_otherwise(archive: Path, sandbox: Path) -> None:
    fetch(URI(value=str(archive), extract=False), sandbox)
    assert names(sandbox) == ["a.tar.gz"]
    fetch(URI(value=str(archive), executable=True), sandbox)
    assert names(sandbox) == ["a.tar.gz"]
    assert stat.S_IMODE((sandbox / "a.tar.gz").stat().st_mode) == 0o755
    fetch(URI(value=str(archive), output_file="b.tgz"), sandbox)
    assert names(sandbox) == ["a.tar.gz", "b.tgz", "inside"]


def test_a_relative_path_starts_at_the_frameworks_home(tmp_path: Path, sandbox: Path) -> None:
    (tmp_path / "data").write_bytes(b"text")
    fetch(URI(value="data"), sandbox, Fetcher(frameworks_home=str(tmp_path)))
    assert names(sandbox) == ["data"]


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (URI(value="data"), "--frameworks_home"),
        (URI(value="../data"), "--frameworks_home"),
        (URI(value="/no/such/file"), "No such file"),
        (URI(value="/"), "names no file"),
        (URI(value="/etc"), "no regular file"),
        (URI(value="/dev/zero"), "no regular file"),
        (URI(value="file://host/path"), "absolute path"),
        (URI(value="hdfs://host/path"), "'hdfs'"),
        (URI(value="http://host"), "names no file"),
        (URI(value="http://host/.."), "leads out"),
        (URI(value="/etc/passwd", output_file="../escaped"), "leads out"),
        (URI(value="/etc/passwd", output_file="/tmp/escaped"), "leads out"),
        (URI(value="http://127.0.0.1:1/x"), "127.0.0.1:1"),
        (URI(value="http://[broken/x"), ""),
    ],
)
def test_what_cannot_be_fetched_is_named_with_the_reason(
    tmp_path: Path, sandbox: Path, uri: URI, why: str
) -> None:
    with pytest.raises(FetchFailed) as failed:
        fetch(uri, sandbox)
    assert failed.value.uri == uri.value
    assert uri.value in str(failed.value)
    assert why in failed.value.why
    assert names(tmp_path) == []


def test_http_is_fetched_and_extracted(archive: Path, sandbox: Path) -> None:
    async def story() -> None:
        answers = {
            "/a.tar.gz": whole(pack(archive), "200 OK", "Content-Type: x/y"),
            "/big": whole(bytes(3_000_000)),
            "/moved": redirect("/big"),
        }
        async with served(answers) as url:
            uris = [URI(value=f"{url}/a.tar.gz"), URI(value=f"{url}/moved")]
            await Fetcher().fetch(uris, sandbox, None)
        assert names(sandbox) == ["a.tar.gz", "inside", "moved"]
        assert (sandbox / "moved").stat().st_size == 3_000_000

    asyncio.run(story())


def test_an_archive_that_says_it_is_compressed_is_kept_as_it_was_sent(
    archive: Path, sandbox: Path
) -> None:
    async def story() -> None:
        async with served({"/a.tgz": whole(pack(archive))}) as url:
            await Fetcher().fetch([URI(value=f"{url}/a.tgz")], sandbox, None)
        assert pack(sandbox / "a.tgz") == pack(archive)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/missing", "status 404"),
        ("/round", "redirects more than"),
        ("/file", "redirects to 'file:///etc/passwd'"),
        ("/half", ""),
        ("/silent", "127.0.0.1"),
        ("/large", "more than 1000 bytes"),
    ],
)
def test_a_server_that_does_not_deliver_is_reported(sandbox: Path, path: str, why: str) -> None:
    async def story() -> None:
        answers = {
            "/missing": whole(b"", "404 Not Found"),
            "/round": redirect("/round"),
            "/file": redirect("file:///etc/passwd"),
            "/half": hang_up_halfway,
            "/large": whole(bytes(2000)),
        }
        async with served(answers) as url:
            fetcher = Fetcher(stall_seconds=0.2, bytes_max=1000)
            with pytest.raises(FetchFailed) as failed:
                await fetcher.fetch([URI(value=url + path)], sandbox, None)
        assert why in failed.value.why or "nothing came" in failed.value.why
        assert names(sandbox) == []

    asyncio.run(story())


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="switching users takes root")
def test_what_is_fetched_belongs_to_the_user_who_must_be_allowed_to_read_it(
    sandbox: Path, archive: Path
) -> None:
    owner = find_owner("nobody")
    assert owner is not None
    # The test's own directory is closed to others.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        public = Path(name, archive.name)
        public.write_bytes(archive.read_bytes())
        public.chmod(0o644)
        asyncio.run(Fetcher().fetch([URI(value=str(public))], sandbox, owner))
    assert names(sandbox) == ["a.tar.gz", "inside"]
    for path in sandbox.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (owner.uid, owner.gid)
    with pytest.raises(FetchFailed, match="user 'nobody' cannot read it"):
        asyncio.run(Fetcher().fetch([URI(value=str(archive))], sandbox, owner))
