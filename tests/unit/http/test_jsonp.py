"""JSON wrapped in a call."""

from __future__ import annotations

import pytest

from tepui.base.errors import Rejected
from tepui.http.jsonp import json_response
from tepui.http.messages import Headers, Request


def request(query: str) -> Request:
    return Request("GET", "/state" + query, Headers())


def test_json_is_json_unless_a_callback_is_named() -> None:
    answer = json_response(request("?x=1"), b"{}")
    assert (answer.status, answer.body, answer.content_type) == (200, b"{}", "application/json")


@pytest.mark.parametrize("name", ["cb", "angular.callbacks._0", "jQuery17_$1"])
def test_a_callback_is_called_with_the_json(name: str) -> None:
    answer = json_response(request(f"?jsonp={name}"), b'{"a":1}')
    assert answer.body == name.encode() + b'({"a":1})'
    assert answer.content_type == "text/javascript"


@pytest.mark.parametrize("name", ["", "a(b)", "alert(1)//", "a b", "1a", "a..b", "x" * 129, "é"])
def test_what_is_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        json_response(request(f"?jsonp={name}"), b"{}")
    assert refused.value.status == 400
