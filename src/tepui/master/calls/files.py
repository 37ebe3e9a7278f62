"""Calls about files that the master shows."""

from __future__ import annotations

from tepui.codec.assembly import Assembler, Parts
from tepui.http.daemon_routes import file_infos, file_part
from tepui.master.call_context import CallContext
from tepui.messages.master import Call, Response

Type = Response.Type


def list_files(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer LIST_FILES."""
    assert call.list_files is not None
    listed = Response.ListFiles(file_infos=file_infos(context.files, call.list_files.path))
    return [assembler.encode(Response(type=Type.LIST_FILES, list_files=listed))]


def read_file(call: Call, context: CallContext, assembler: Assembler) -> Parts:
    """Answer READ_FILE."""
    wanted = call.read_file
    assert wanted is not None
    size, data = file_part(context.files, wanted.path, wanted.offset, wanted.length)
    answer = Response(type=Type.READ_FILE, read_file=Response.ReadFile(size=size, data=data))
    return [assembler.encode(answer)]
