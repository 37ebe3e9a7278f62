"""JSON answers of the legacy endpoints, wrapped in a call where the caller asks for it."""

from __future__ import annotations

import re
from typing import Final

from tepui.base.errors import Rejected
from tepui.http.messages import Request, Response

# What names a function and can do nothing else in a script: `cb`, `angular.callbacks._0`.
_CALLBACK: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*")
_CALLBACK_LENGTH_MAX: Final = 128


def json_response(request: Request, body: bytes) -> Response:
    """``body`` as JSON, or as a script that calls ``?jsonp=name`` with it.

    Raises:
        Rejected: The name would be more than a function's name.
    """
    callback = request.param("jsonp")
    if callback is None:
        return Response(200, body, content_type="application/json")
    if len(callback) > _CALLBACK_LENGTH_MAX or _CALLBACK.fullmatch(callback) is None:
        raise Rejected(f"jsonp '{callback[:_CALLBACK_LENGTH_MAX]}' is not the name of a function")
    script = b"%b(%b)" % (callback.encode("ascii"), body)
    return Response(200, script, content_type="text/javascript")
