"""Calls about files that the agent shows: sandboxes above all."""

from __future__ import annotations

from tepui.agent.call_context import CallContext
from tepui.http.daemon_routes import file_infos, file_part
from tepui.messages.agent import Call, Response

Type = Response.Type


def list_files(call: Call, context: CallContext) -> Response:
    """Answer LIST_FILES."""
    assert call.list_files is not None
    infos = file_infos(context.files, call.list_files.path)
    return Response(type=Type.LIST_FILES, list_files=Response.ListFiles(file_infos=infos))


def read_file(call: Call, context: CallContext) -> Response:
    """Answer READ_FILE."""
    wanted = call.read_file
    assert wanted is not None
    size, data = file_part(context.files, wanted.path, wanted.offset, wanted.length)
    return Response(type=Type.READ_FILE, read_file=Response.ReadFile(size=size, data=data))
