"""The operator client against servers on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from tepui.codec.media import codec_for
from tepui.http.messages import Answer, Request
from tepui.http.messages import Response as HttpResponse
from tepui.http.server import Server
from tepui.messages import VersionInfo
from tepui.messages import agent as agent_api
from tepui.messages.master import Call, Response
from tepui.sdk import CallRejected, NoSandbox, OperatorClient, Sandboxes, Unreachable


@asynccontextmanager
async def serving(handler: Callable[[Request], Answer]) -> AsyncIterator[str]:
    server = Server(handler, host="127.0.0.1", port=0)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop(0)


def version(request: Request) -> Answer:
    codec = codec_for(request.headers.get("Content-Type") or "")
    assert codec.decode(Call, request.body) == Call(type=Call.Type.GET_VERSION)
    info = Response.GetVersion(version_info=VersionInfo(version="1.11.0"))
    answer = Response(type=Response.Type.GET_VERSION, get_version=info)
    return HttpResponse(200, codec.encode(answer), content_type=codec.media_type)


@pytest.mark.parametrize("content", ["json", "protobuf"])
def test_answers_are_typed(content: str) -> None:
    async def main() -> None:
        async with serving(version) as url, OperatorClient(url, content=content) as operator:
            assert (await operator.get_version()).version == "1.11.0"

    asyncio.run(main())


def test_the_leader_is_found_and_remembered() -> None:
    async def main() -> None:
        asked = []

        async with serving(version) as leader:

            def standby(request: Request) -> Answer:
                asked.append(request.path)
                location = leader.removeprefix("http:") + request.path
                return HttpResponse(307, headers=(("Location", location),))

            async with serving(standby) as url, OperatorClient(url) as operator:
                for _ in range(2):
                    await operator.get_version()
                assert operator.master_url == leader
        assert asked == ["/api/v1"]

    asyncio.run(main())


def test_a_master_that_is_gone_is_passed_over_and_none_at_all_is_an_error() -> None:
    async def main() -> None:
        async with serving(version) as gone:
            pass
        async with serving(version) as url, OperatorClient([gone, url]) as operator:
            await operator.get_version()
            assert operator.master_url == url
        async with OperatorClient([gone]) as operator:
            with pytest.raises(Unreachable, match=f"^{gone} cannot be reached: "):
                await operator.get_version()

    asyncio.run(main())


def test_a_refusal_carries_status_and_reason() -> None:
    async def main() -> None:
        def refuse(request: Request) -> Answer:
            return HttpResponse(403, b"not for you")

        async with serving(refuse) as url, OperatorClient(url) as operator:
            with pytest.raises(CallRejected, match="not for you") as caught:
                await operator.get_state()
            assert caught.value.status == 403

    asyncio.run(main())


DIRECTORY = "/work/slaves/a/frameworks/f/executors/t/runs/c"
NESTED = {"container_id": {"value": "inner", "parent": {"value": "c"}}}
STATE = {
    "frameworks": [
        {
            "id": "f",
            "executors": [
                {"id": "t", "directory": DIRECTORY, "tasks": [{"id": "t"}]},
                {
                    "id": "pod",
                    "type": "DEFAULT",
                    "directory": "/work/pod",
                    "queued_tasks": [{"id": "queued"}],
                    "tasks": [{"id": "member", "statuses": [{"container_status": NESTED}]}],
                },
            ],
        }
    ],
    "completed_frameworks": [],
}
TEXT = b"0123456789" * 3


def agent(request: Request) -> Answer:
    if request.path == "/state":
        return HttpResponse(200, msgspec.json.encode(STATE))
    if request.path == "/files/download":
        assert request.param("path") == f"{DIRECTORY}/out put"
        return HttpResponse(200, TEXT)
    codec = codec_for(request.headers.get("Content-Type") or "")
    call = codec.decode(agent_api.Call, request.body)
    assert call.read_file is not None
    assert call.read_file.path == f"{DIRECTORY}/stdout"
    offset = call.read_file.offset
    data = TEXT[offset : offset + 16]  # never more than a page
    read = agent_api.Response.ReadFile(size=len(TEXT), data=data)
    answer = agent_api.Response(type=agent_api.Response.Type.READ_FILE, read_file=read)
    return HttpResponse(200, codec.encode(answer), content_type=codec.media_type)


def test_a_sandbox_is_found_and_its_files_are_read() -> None:
    async def main() -> None:
        async with serving(agent) as url, OperatorClient() as operator:
            sandboxes = Sandboxes(operator)
            sandbox = await sandboxes.find(url, "f", "t")
            assert sandbox.directory == DIRECTORY
            assert await sandbox.download("out put") == TEXT
            pieces = [piece async for piece in sandbox.read_on("stdout", 5)]
            assert b"".join(pieces) == TEXT[5:]
            assert [len(piece) for piece in pieces] == [16, 9]
            assert (await sandboxes.find(url, "f", "member")).directory == (
                "/work/pod/containers/inner"
            )
            with pytest.raises(NoSandbox, match="no sandbox of task 'queued'"):
                await sandboxes.find(url, "f", "queued")
            with pytest.raises(NoSandbox, match="no sandbox of task 'nope'"):
                await sandboxes.find(url, "f", "nope")

    asyncio.run(main())
