# SPDX-License-Identifier: MIT
"""Keys, headers, URLs and JSON go out as their plain values, whatever a subclass says of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ssewire._http.timeouts import NOT_GIVEN
from ssewire.claude import Claude, ConfigurationError
from ssewire.claude._options import ANTHROPIC_VERSION, ClientOptions
from tests.kit.liars import LyingInt, liars


def options(**given: Any) -> ClientOptions:
    defaults: dict[str, Any] = {
        **dict.fromkeys(["api_key", "auth_token", "auth_header", "base_url", "default_headers"]),
        "anthropic_version": ANTHROPIC_VERSION,
        "betas": (),
        "timeouts": NOT_GIVEN,
        "timeout": NOT_GIVEN,
        "environ": {},
    }
    return ClientOptions(**{**defaults, **given})


def sent(request: Any) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in request.wire_headers()}


def test_a_key_goes_out_as_its_plain_value() -> None:
    for key in liars("sk-plain"):
        assert sent(options(api_key=key).build({}))["x-api-key"] == "sk-plain"
        assert sent(options(auth_token=key).build({}))["authorization"] == "Bearer sk-plain"


def test_a_key_is_checked_as_its_plain_value() -> None:
    for key in liars("sk-plain\r\nX-Forged: 1"):
        with pytest.raises(ConfigurationError, match="api_key"):
            Claude(api_key=key)


def test_base_url_version_betas_and_headers_go_out_as_their_plain_values() -> None:
    for base, value, name in zip(liars("https://relay.example/a"), liars("v-1"), liars("X-Own")):
        made = options(
            api_key="k",
            base_url=base,
            anthropic_version=value,
            betas=[value, "other"],
            default_headers={name: value},
        )
        request = made.build({"extra_headers": {"X-More": value}})
        fields = sent(request)
        assert request.url == "https://relay.example/a/v1/messages"
        assert fields["anthropic-version"] == "v-1"
        assert fields["anthropic-beta"] == "v-1,other"
        assert fields["x-own"] == fields["x-more"] == "v-1"


def test_a_query_holds_plain_values() -> None:
    for text in liars("t&x"):
        request = options(api_key="k").build(
            {"extra_query": {text: [text, LyingInt(7), True, 0.5]}}
        )
        assert request.url.endswith("?t%26x=t%26x&t%26x=7&t%26x=true&t%26x=0.5")


def test_the_json_of_a_request_holds_plain_values() -> None:
    for text in liars("line\n\u00e9"):
        request = options(api_key="k").build(
            {"model": text, "max_tokens": LyingInt(7), "system": [{text: text}]}
        )
        assert json.loads(request.body or b"") == {
            "model": "line\n\u00e9",
            "max_tokens": 7,
            "system": [{"line\n\u00e9": "line\n\u00e9"}],
            "stream": True,
        }
