# SPDX-License-Identifier: MIT
"""What both Claude clients share: requests, retries, errors, continuations; no sockets."""

from __future__ import annotations

import json
import pickle
import random
from typing import Any

import pytest

from ssewire._headers import Headers
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import NOT_GIVEN, Timeouts
from ssewire.claude import (
    APITimeoutError,
    AuthenticationError,
    BillingError,
    ClaudeError,
    ConfigurationError,
    MalformedEvent,
    Message,
    MessageStream,
    OverloadedError,
    StreamClosed,
    StreamInterrupted,
    StreamTruncated,
    continuation,
)
from ssewire.claude._options import (
    ANTHROPIC_VERSION,
    BASE_URL,
    DEFAULT_TIMEOUTS,
    ClientOptions,
)
from ssewire.claude._retry import MAX_RETRY_DELAY, Retries, response_error
from ssewire.claude.errors import api_error, interrupted
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    ContentDecodingError,
    HTTPFormatError,
    RedirectError,
    SSEWireError,
    StateError,
    StreamTimeout,
    TransportError,
)
from tests.claude import wire
from tests.claude.scenarios import ASKED


def options(environ: dict[str, str] | None = None, **changes: Any) -> ClientOptions:
    given: dict[str, Any] = {
        "api_key": None,
        "auth_token": None,
        "auth_header": None,
        "base_url": None,
        "default_headers": None,
        "anthropic_version": ANTHROPIC_VERSION,
        "betas": (),
        "timeouts": NOT_GIVEN,
        "timeout": NOT_GIVEN,
        "environ": environ or {},
    }
    return ClientOptions(**{**given, **changes})


def built(
    environ: dict[str, str] | None = None, params: dict[str, Any] | None = None, **changes: Any
) -> HTTPRequest:
    changes.setdefault("api_key", "k")
    return options(environ, **changes).build({**ASKED, **(params or {})})


def auth(environ: dict[str, str], **changes: Any) -> dict[str, str]:
    """Return the headers that carry a credential."""
    fields = built(environ, **{"api_key": None, **changes}).headers
    return {name: fields[name] for name in ("x-api-key", "authorization") if name in fields}


# --- credentials


@pytest.mark.parametrize(
    ("environ", "changes", "expected"),
    [
        ({"ANTHROPIC_API_KEY": "e"}, {}, {"x-api-key": "e"}),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, {}, {"authorization": "Bearer t"}),
        ({"ANTHROPIC_API_KEY": "e", "ANTHROPIC_AUTH_TOKEN": "t"}, {}, {"x-api-key": "e"}),
        ({"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "t"}, {}, {"authorization": "Bearer t"}),
        ({"ANTHROPIC_API_KEY": "e"}, {"api_key": "a"}, {"x-api-key": "a"}),
        ({"ANTHROPIC_API_KEY": "e"}, {"api_key": ""}, {"x-api-key": "e"}),
        ({"ANTHROPIC_API_KEY": "e"}, {"auth_token": "t"}, {"authorization": "Bearer t"}),
        ({}, {"api_key": "a", "auth_header": "authorization"}, {"authorization": "Bearer a"}),
        ({}, {"auth_token": "t", "auth_header": "x-api-key"}, {"x-api-key": "t"}),
        ({}, {"default_headers": {"X-Api-Key": "h"}}, {"x-api-key": "h"}),
        (
            {"ANTHROPIC_CUSTOM_HEADERS": "Authorization: Basic b"},
            {},
            {"authorization": "Basic b"},
        ),
        (
            {"ANTHROPIC_API_KEY": "e"},
            {"default_headers": {"x-api-key": None, "Authorization": "Bearer h"}},
            {"authorization": "Bearer h"},
        ),
    ],
)
def test_credentials_come_from_where_precedence_says(
    environ: dict[str, str], changes: dict[str, Any], expected: dict[str, str]
) -> None:
    assert auth(environ, **changes) == expected


def test_a_request_may_bring_its_own_credential() -> None:
    request = built(api_key=None, params={"extra_headers": {"x-api-key": "mine"}})
    assert request.headers["x-api-key"] == "mine"


@pytest.mark.parametrize("environ", [{}, {"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": ""}])
def test_no_credential_is_a_configuration_error_that_is_a_value_error(
    environ: dict[str, str],
) -> None:
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"):
        built(environ, api_key=None)
    assert issubclass(ConfigurationError, ValueError)


# --- where to, and headers


@pytest.mark.parametrize(
    ("environ", "base", "url"),
    [
        ({}, None, f"{BASE_URL}/v1/messages"),
        (
            {"ANTHROPIC_BASE_URL": "http://127.0.0.1:8080"},
            None,
            "http://127.0.0.1:8080/v1/messages",
        ),
        ({"ANTHROPIC_BASE_URL": ""}, None, f"{BASE_URL}/v1/messages"),
        ({"ANTHROPIC_BASE_URL": "https://e"}, "https://a", "https://a/v1/messages"),
        ({}, "https://a/", "https://a/v1/messages"),
        ({}, "https://a/x/y", "https://a/x/y/v1/messages"),
        ({}, "https://a/x/y/", "https://a/x/y/v1/messages"),
    ],
)
def test_the_base_url_may_have_a_path_and_a_slash(
    environ: dict[str, str], base: str | None, url: str
) -> None:
    assert built(environ, base_url=base).url == url


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost", True),
        ("http://localhost.:8080", True),
        ("http://api.localhost", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:1", True),
        ("http://[0:0:0:0:0:0:0:1]", True),
        ("https://127.example.com", True),
        ("http://127.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://mylocalhost", False),
        ("http://[::2]", False),
        ("http://10.0.0.1", False),
    ],
)
def test_only_what_stays_on_the_machine_or_is_encrypted_gets_a_key_unwarned(
    url: str, local: bool, recwarn: pytest.WarningsRecorder
) -> None:
    built({}, api_key="k", base_url=url)
    assert not recwarn.list if local else "without encryption" in str(recwarn.pop().message)


@pytest.mark.parametrize("key", ["k\u00e9y", "key\u00a0", "\u2028key", "k y", "key\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_at_once(key: str) -> None:
    with pytest.raises(ConfigurationError, match="strip it") as caught:
        options(api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("headers", [{"x": "a\nb"}, {"bad name": "x"}])
def test_headers_that_cannot_be_sent_are_refused_with_the_client(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        options(api_key="k", default_headers=headers)


def test_betas_of_the_environment_are_added_to_those_given() -> None:
    environ = {"ANTHROPIC_CUSTOM_HEADERS": "anthropic-beta: env, both"}
    request = built(environ, api_key="k", betas=["arg", "both"], params={"betas": ["own"]})
    assert request.headers["anthropic-beta"] == "arg,both,env,own"


def test_max_retries_is_no_parameter_of_a_request() -> None:
    with pytest.raises(TypeError, match="with_options"):
        built({}, api_key="k", params={"max_retries": 3})


def test_a_turn_whose_blocks_do_not_go_back_is_left_out() -> None:
    empty = Message({"content": [{"type": "text", "text": ""}], "stop_reason": "pause_turn"})
    for turn in (empty, {"role": "assistant", "content": empty.content}):
        request = built({}, api_key="k", params={"messages": [turn]})
        assert json.loads(request.body or b"")["messages"] == []
    assert continuation(empty) == []


def test_later_headers_win_over_earlier_ones_in_any_case() -> None:
    environ = {"ANTHROPIC_CUSTOM_HEADERS": "X-One: env\nX-Two: env\nx-three:  env \nnonsense\n: no"}
    request = built(
        environ,
        default_headers={"x-one": "default", "x-four": "default"},
        params={"extra_headers": {"X-ONE": "extra", "x-four": None, "User-Agent": "mine"}},
    )
    fields = request.headers
    assert [fields.get_all(name) for name in ("x-one", "x-two", "x-three")] == [
        ["extra"],
        ["env"],
        ["env"],
    ]
    assert "x-four" not in fields
    assert fields["user-agent"] == "mine"


def test_an_old_version_of_the_api_may_be_asked_for() -> None:
    assert built(anthropic_version="2023-06-01").headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("changes", "params", "expected"),
    [
        ({}, {}, None),
        ({"betas": ["a", "b", "a"]}, {}, "a,b"),
        ({"betas": ["a"]}, {"betas": ["b", "a"]}, "a,b"),
        ({"default_headers": {"anthropic-beta": "h, i"}}, {"betas": ["b"]}, "h,i,b"),
        ({"betas": ["a"]}, {"extra_headers": {"anthropic-beta": "x"}}, "x"),
        ({"betas": ["a"]}, {"extra_headers": {"anthropic-beta": None}}, None),
    ],
)
def test_betas_add_up(
    changes: dict[str, Any], params: dict[str, Any], expected: str | None
) -> None:
    assert built(params=params, **changes).headers.get("anthropic-beta") == expected


@pytest.mark.parametrize("name", ["user_profile_id", "workspace_id"])
def test_ids_go_as_headers_and_not_in_the_body(name: str) -> None:
    header = f"anthropic-{name.replace('_', '-')}"
    request = built(params={name: "id_1"})
    assert request.headers[header] == "id_1"
    assert request.body is not None
    assert name not in json.loads(request.body)
    for nothing in ({}, {name: None}):
        assert header not in built(params=nothing).headers
    default = {"default_headers": {header: "of the client"}}
    assert built(params={name: "id_1"}, **default).headers.get_all(header) == ["id_1"]
    assert built(**default).headers[header] == "of the client"
    extra = {name: "id_1", "extra_headers": {header.upper(): "extra"}}
    assert built(params=extra).headers.get_all(header) == ["extra"]


@pytest.mark.parametrize("name", ["user_profile_id", "workspace_id"])
def test_an_id_that_is_no_str_or_cannot_be_sent_is_refused_without_its_value(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}.*not int"):
        built(params={name: 1})
    with pytest.raises(ValueError, match="CR, LF or NUL") as caught:
        built(params={name: "secret\r\nx: 1"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"beta": True, "n": 1, "s": "a b&c", "f": 1.5}, "?beta=true&n=1&s=a+b%26c&f=1.5"),
        ({"l": ["a", "b"]}, "?l=a&l=b"),
        ({}, ""),
        (None, ""),
    ],
)
def test_an_extra_query_goes_into_the_url(query: Any, expected: str) -> None:
    assert built(params={"extra_query": query}).url == f"{BASE_URL}/v1/messages{expected}"


@pytest.mark.parametrize(
    "params",
    [
        {"extra_query": "a=b"},
        {"extra_query": {1: "b"}},
        {"extra_query": {"a": None}},
        {"extra_headers": "a"},
        {"extra_headers": {1: "a"}},
        {"extra_headers": {"a": b"b"}},
        {"extra_body": [1]},
        {"betas": "a"},
        {"timeout": "1"},
        {"timeout": True},
        {"messages": "hello"},
        {"messages": None},
        {"messages": {"role": "user"}},
    ],
)
def test_wrong_types_of_our_own_keywords_are_type_errors(params: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        built(params=params)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0"])
def test_headers_cannot_be_smuggled_and_values_are_not_shown(value: str) -> None:
    with pytest.raises(ValueError, match="x-mine") as caught:
        built(params={"extra_headers": {"x-mine": value}})
    assert value not in str(caught.value)


def test_default_timeouts_are_those_of_the_documentation() -> None:
    assert Timeouts(connect=10.0, head=600.0, idle=600.0) == DEFAULT_TIMEOUTS
    assert built().timeouts == DEFAULT_TIMEOUTS
    assert options(timeout=3).timeouts == Timeouts(connect=3.0, head=3.0, idle=3.0)
    assert options(timeouts=30).timeouts == Timeouts(connect=10.0, head=30.0, idle=30.0)
    assert options(timeouts=None).timeouts == Timeouts(connect=None)


# --- the body


def body(**params: Any) -> dict[str, Any]:
    content = built(params=params).body
    assert content is not None
    decoded: dict[str, Any] = json.loads(content)
    return decoded


def test_keywords_go_to_the_api_unchanged_and_stream_is_set() -> None:
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    sent = body(tools=tools, system="Sí", new_key={"a": [1, None, True]}, timeout=1, betas=["x"])
    assert sent == {
        **ASKED,
        "tools": tools,
        "system": "Sí",
        "new_key": {"a": [1, None, True]},
        "stream": True,
    }


def test_the_body_is_compact_utf8() -> None:
    sent = built(params={"system": "Zürich 👋\u2028"}).body
    assert sent is not None
    assert "Zürich 👋\u2028".encode() in sent
    assert b'", "' not in sent
    assert b'": ' not in sent


def test_an_extra_body_wins() -> None:
    assert body(extra_body={"model": "other", "stream": True, "x": 1})["model"] == "other"


def test_any_iterable_of_messages_and_any_mapping_will_do() -> None:
    from types import MappingProxyType

    message = MappingProxyType({"role": "user", "content": ({"type": "text", "text": "a"},)})
    sent = body(messages=(message for _ in range(2)))
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}]}] * 2


def received(*parts: bytes) -> Message:
    with MessageStream([wire.whole(*parts)]) as stream:
        return stream.get_final_message()


THINKING = wire.start(0, {"type": "thinking", "thinking": "hm", "signature": ""})


def test_a_message_that_came_from_here_goes_back_as_the_api_wants_it() -> None:
    message = received(
        THINKING + wire.stop(0),  # without a signature
        wire.text_block(1, "a"),
        wire.text_block(2),  # empty
        wire.tool_block(3, '{"x": 1}'),
    )
    expected = {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}},
        ],
    }
    for given in (message, {"role": "assistant", "content": message.content}, message.to_param()):
        assert body(messages=[given])["messages"] == [expected]


def test_blocks_beside_other_content_go_back_one_by_one() -> None:
    message = received(wire.text_block(0, "a"), wire.text_block(1))
    content = [*message.content, {"type": "text", "text": "b"}]
    sent = body(messages=[{"role": "assistant", "content": content}])
    assert sent["messages"][0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_a_message_of_nothing_that_may_go_back_is_left_out() -> None:
    assert body(messages=[received(wire.text_block(0))])["messages"] == []


def test_records_anywhere_in_a_request_are_json() -> None:
    message = received(wire.text_block(0, "a"))
    sent = body(metadata={"usage": message.usage, "message": message})
    assert sent["metadata"]["usage"] == message.usage.to_dict()
    assert sent["metadata"]["message"] == message.to_param()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def circle() -> Any:
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ({"a": [1, {2, 3}]}, TypeError, "x.a[1] is of type set, which is not JSON"),
        (object(), TypeError, "x is of type object, which is not JSON"),
        (b"bytes", TypeError, "x is of type bytes, which is not JSON"),
        ([0, float("nan")], ValueError, "x[1] is nan, which JSON does not have"),
        ({"a": float("-inf")}, ValueError, "x.a is -inf, which JSON does not have"),
        ({"a": ["ok", "\ud83d"]}, ValueError, "x.a[1] holds half of a surrogate pair"),
        ({("a", "b"): 1}, TypeError, "x has a key of type tuple"),
        (circle(), ValueError, "x.again[0] contains itself"),
        (nested(100_000), ValueError, "levels deep"),
    ],
    ids=range(9),
)
def test_what_is_not_json_is_named_with_its_place(
    value: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        body(x=value)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 200


# --- retries


def request(**timeouts: float) -> HTTPRequest:
    return HTTPRequest("http://h/", method="POST", body=b"", timeouts=Timeouts(**timeouts))


def delay(
    error: ClaudeError,
    fields: dict[str, str] | None = None,
    *,
    made: int = 0,
    chance: float = 0.0,
    limit: int = 2,
    cap: float = MAX_RETRY_DELAY,
) -> float | None:
    retries = Retries(limit, cap, lambda: chance, request(), 0.0)
    retries.made = made
    headers = None if fields is None else Headers(fields)
    return retries.next_delay(error, headers, 0.0, 784111777.0)


BUSY = api_error({"error": {"type": "overloaded_error"}}, 529)


@pytest.mark.parametrize("made", range(8))
def test_backoff_doubles_to_eight_seconds_less_up_to_a_quarter(made: int) -> None:
    longest = min(0.5 * 2**made, 8.0)
    assert delay(BUSY, {}, made=made, limit=9) == longest
    assert delay(BUSY, {}, made=made, limit=9, chance=0.5) == longest * 0.875
    for _ in range(20):
        found = delay(BUSY, {}, made=made, limit=9, chance=random.random())
        assert found is not None
        assert 0.75 * longest < found <= longest


def test_a_pause_that_is_asked_for_is_kept_exactly_up_to_the_cap() -> None:
    assert delay(BUSY, {"Retry-After": "12.5"}, chance=0.9) == 12.5
    assert delay(BUSY, {"Retry-After": "12.5"}, cap=12.5) == 12.5
    assert delay(BUSY, {}, cap=0.0) == 0.0


@pytest.mark.parametrize("limit", [0, 2])
@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"Retry-After": "62291"}, 62291.0),
        ({"Retry-After": "60.001"}, 60.001),
        ({"retry-after-ms": "90000"}, 90.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:59:57 GMT"}, 620.0),
    ],
)
def test_a_longer_pause_than_the_cap_is_not_made_and_told(
    fields: dict[str, str], asked: float, limit: int
) -> None:
    error = api_error({"error": {"type": "rate_limit_error"}}, 429)
    assert error.retry_after is None
    assert delay(error, fields, limit=limit) is None
    assert error.retry_after == asked


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:57 GMT", 20.0),
        ("Sunday, 06-Nov-94 08:49:57 GMT", 20.0),
        ("Sun Nov  6 08:49:57 1994", 20.0),
        ("Sun, 06 Nov 1994 08:49:17 GMT", 0.5),
        ("Sun, 06 Foo 1994 08:49:57 GMT", 0.5),
    ],
)
def test_a_date_is_waited_for_and_a_past_one_is_not(date: str, seconds: float) -> None:
    assert delay(BUSY, {"Retry-After": date}) == seconds


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (interrupted(ConnectionLost("gone")), True),
        (interrupted(ConnectFailed("h:1", "refused")), True),
        (interrupted(ConnectFailed("h:1", "certificate", False)), False),
        (interrupted(StreamTimeout("connect", 1)), True),
        (interrupted(StreamTimeout("head", 1)), True),
        (interrupted(StreamTimeout("idle", 1)), True),
        (interrupted(StreamTimeout("stall", 1)), True),
        (interrupted(StreamTimeout("total", 1)), False),
        (interrupted(HTTPFormatError("no HTTP")), True),
        (interrupted(RedirectError("loop", "http://h")), False),
        (interrupted(ContentDecodingError("gzip", "damaged")), True),
        (interrupted(ContentDecodingError("br", "unknown", False)), False),
        (interrupted(TransportError("of a transport")), True),
        (interrupted(SSEWireError()), False),
        (StreamTruncated(), True),
        (MalformedEvent("x"), False),
        (StreamClosed(), False),
        (ConfigurationError(), False),
    ],
)
def test_which_failures_are_worth_another_attempt(error: ClaudeError, again: bool) -> None:
    assert (delay(error) is not None) is again


@pytest.mark.parametrize(
    "error",
    [
        api_error({"error": {"type": "overloaded_error"}}, in_band=True),
        StreamTruncated(),
        interrupted(ConnectionLost("cut")),
        interrupted(StreamTimeout("idle", 1)),
    ],
)
def test_x_should_retry_false_of_a_200_goes_for_whatever_fails_after_it(error: ClaudeError) -> None:
    assert delay(error, {"x-should-retry": "false"}) is None
    assert delay(error, {"x-should-retry": "true"}) == delay(error, {"x-should-retry": "?"}) == 0.5


def test_x_should_retry_true_of_a_200_makes_nothing_worth_a_retry() -> None:
    wish = {"x-should-retry": "true"}
    assert delay(api_error({"error": {"type": "api_error"}}, 400), wish) == 0.5
    assert delay(api_error({"error": {"type": "billing_error"}}, in_band=True), wish) is None
    assert delay(MalformedEvent("x"), wish) is None
    assert delay(interrupted(StreamTimeout("total", 1)), wish) is None


def test_a_retry_has_what_is_left_of_the_total_timeout() -> None:
    retries = Retries(5, 60.0, lambda: 0.0, request(total=10.0, idle=3.0), 100.0)
    assert retries.request(104.0).timeouts == Timeouts(total=10.0, idle=3.0)
    assert retries.next_delay(BUSY, None, 104.0, 0.0) == 0.5
    assert retries.request(104.5).timeouts == Timeouts(total=5.5, idle=3.0)
    assert retries.next_delay(BUSY, None, 109.5, 0.0) is None
    assert retries.request(200.0).timeouts.total is not None


def test_status_wins_over_the_type_of_a_body_when_it_comes_to_retries() -> None:
    odd = {"error": {"type": "invalid_request_error"}}
    assert response_error(500, Headers(), json.dumps(odd).encode()).retryable
    assert not response_error(400, Headers(), b'{"error": {"type": "api_error"}}').retryable


@pytest.mark.parametrize(
    ("content", "message", "kind"),
    [
        (b'{"error": {"type": "billing_error", "message": "m"}}', "m", "billing_error"),
        (b'\xef\xbb\xbf{"error": {"message": "m"}}', "m", ""),
        (b"<html>", "<html>", ""),
        (b"\xff", "\ufffd", ""),
        (b"", "", ""),
        (b"[1]", "", ""),
        (b"[" * 100_000, "[" * 100_000, ""),
    ],
    ids=range(7),
)
def test_a_refused_response_is_an_error_of_its_status(
    content: bytes, message: str, kind: str
) -> None:
    headers = Headers({"request-id": "req_h"})
    error = response_error(401, headers, content)
    assert type(error) is (BillingError if kind else AuthenticationError)
    assert (error.status, error.message, error.type) == (401, message, kind)
    assert (error.request_id, error.headers, error.in_band) == ("req_h", headers, False)
    assert len(str(error)) < 200


def test_the_header_names_the_request_and_the_body_where_there_is_none() -> None:
    content = b'{"error": {"type": "overloaded_error"}, "request_id": "req_b"}'
    error = response_error(529, Headers(), content)
    assert type(error) is OverloadedError
    assert error.request_id == "req_b"
    assert response_error(529, Headers({"request-id": "req_h"}), content).request_id == "req_h"


def test_the_cause_of_an_interruption_is_the_transports_error() -> None:
    cause = ConnectionLost("gone")
    error = interrupted(cause)
    assert type(error) is StreamInterrupted
    assert error.__cause__ is cause


def test_an_interruption_says_what_the_transport_said() -> None:
    error = interrupted(ConnectFailed("a.example:443", "Connection refused"))
    assert str(error) == (
        "the connection failed before a message began: "
        "could not connect to a.example:443: Connection refused"
    )
    error.partial_message = Message({"id": "msg_1"})
    assert str(error).startswith("the connection failed before the message was complete: could")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), copied.reason) == (type(error), str(error), error.reason)


@pytest.mark.parametrize("kind", ["connect", "head", "idle", "stall", "total"])
def test_a_timeout_is_an_interruption_of_its_own_that_says_which(kind: str) -> None:
    error = interrupted(StreamTimeout(kind, 2.5))
    assert type(error) is APITimeoutError
    assert isinstance(error, StreamInterrupted)
    assert str(error).endswith(f"within 2.5 s (the {kind} timeout)")
    assert type(pickle.loads(pickle.dumps(error))) is APITimeoutError


def test_what_somebody_elses_source_raised_is_named_bounded_and_without_control_characters() -> (
    None
):
    error = interrupted(OSError("\x1b]0;owned\x07" + "x" * 5000))
    assert error.reason.startswith("OSError: '\\x1b]0;owned\\x07xxx")
    assert len(str(error)) < 200
    assert interrupted(ZeroDivisionError()).reason == "ZeroDivisionError"
    assert interrupted(SSEWireError()).reason == "SSEWireError"

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert interrupted(Unprintable()).reason == "Unprintable"


# --- continuations


def partial(*parts: bytes) -> Message:
    """Return what is there of a message that broke off after these parts."""
    with MessageStream([wire.message_start(), *parts]) as stream:
        with pytest.raises(StreamTruncated) as caught:
            stream.until_done()
        message = caught.value.partial_message
        assert message is not None
        assert stream.continuation() == continuation(message)
        return message


def ended(reason: str, *parts: bytes) -> Message:
    with MessageStream(
        [wire.message_start(), *parts, wire.message_delta(reason), wire.STOP]
    ) as stream:
        return stream.get_final_message()


SIGNED = THINKING + wire.delta(0, "signature_delta", signature="S") + wire.stop(0)
SEARCH = wire.start(1, {"type": "server_tool_use", "id": "srv_1", "name": "s", "input": {}})
FOUND = wire.start(2, {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []})


def test_after_an_interruption_the_text_goes_back_and_a_user_asks_to_go_on() -> None:
    message = partial(
        wire.text_block(0, "First. "), wire.start(1, wire.TEXT), wire.text(1, "Seco ")
    )
    turn, asking = continuation(message)
    assert turn == {
        "role": "assistant",
        "content": [{"type": "text", "text": "First. "}, {"type": "text", "text": "Seco"}],
    }
    assert asking["role"] == "user"
    assert "\n\nSeco\n\n" in asking["content"]
    assert continuation(message, prefill=True) == [turn]


def test_a_long_text_is_quoted_by_its_end() -> None:
    text = "".join(f"{number} " for number in range(5000))
    asking = continuation(partial(wire.start(0, wire.TEXT), wire.text(0, text)))[1]["content"]
    assert text[-500:].strip() in asking
    assert len(asking) < 1300


@pytest.mark.parametrize(
    "parts",
    [[], [wire.start(0, wire.TEXT)], [wire.text_block(0, " \n")], [SIGNED], [wire.tool_block(0)]],
    ids=["nothing", "an empty block", "white space", "thinking", "a tool"],
)
def test_without_text_there_is_nothing_to_append(parts: list[bytes]) -> None:
    assert continuation(partial(*parts)) == []
    assert continuation(partial(*parts), prefill=True) == []
    assert continuation(None) == []


def test_what_came_after_the_last_text_and_calls_without_a_result_are_left_out() -> None:
    message = partial(
        SIGNED,
        SEARCH + wire.stop(1),
        FOUND + wire.stop(2),
        wire.start(3, {"type": "server_tool_use", "id": "srv_2", "name": "s", "input": {}}),
        wire.start(4, wire.TOOL) + wire.partial(4, "{}") + wire.stop(4),
        wire.start(5, wire.TEXT) + wire.text(5, "Found"),
        wire.start(6, {"type": "thinking", "thinking": "", "signature": ""}),
    )
    kept = continuation(message, prefill=True)[0]["content"]
    assert [block["type"] for block in kept] == [
        "thinking",
        "server_tool_use",
        "web_search_tool_result",
        "text",
    ]


@pytest.mark.parametrize("reason", ["pause_turn", "compaction"])
def test_a_paused_message_goes_back_as_it_is(reason: str) -> None:
    message = ended(reason, wire.text_block(0, "Let me see. "), SEARCH + wire.stop(1))
    for prefill in (False, True):
        assert continuation(message, prefill=prefill) == [message.to_param()]
    assert message.to_param()["content"][0]["text"] == "Let me see. "
    assert message.to_param()["content"][1]["type"] == "server_tool_use"


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_a_message_cut_by_its_limit_goes_on_like_an_interrupted_one(reason: str) -> None:
    message = ended(reason, wire.text_block(0, "So far"))
    assert continuation(message, prefill=True)[0]["content"] == [{"type": "text", "text": "So far"}]
    assert len(continuation(message)) == 2


@pytest.mark.parametrize("reason", ["end_turn", "stop_sequence", "tool_use", "refusal"])
def test_a_complete_message_does_not_go_on(reason: str) -> None:
    with pytest.raises(StateError, match=reason):
        continuation(ended(reason, wire.text_block(0, "Done")))
