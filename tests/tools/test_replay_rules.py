# SPDX-License-Identifier: MIT
"""What the replay server refuses, as the API does, and what it must not refuse."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire.claude import MessageStream
from ssewire.client import Headers
from ssewire.replay import EXAMPLES, Recording, Seen
from ssewire.replay._requests import Refused
from ssewire.replay._rules import check_get, faults, wants_stream

HI = {"role": "user", "content": "Hi"}
ASKED: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": [HI]}
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}


def request(
    body: object = None,
    target: str = "/v1/messages",
    method: str = "POST",
    headers: dict[str, str] = HEADERS,
) -> Seen:
    data = body if isinstance(body, bytes) else json.dumps(body or ASKED).encode()
    return Seen(method, target, Headers(headers), data, 0)


def refusal(seen: Seen, *, strict: bool = True) -> tuple[int, str, str]:
    with pytest.raises(Refused) as caught:
        wants_stream(seen, strict=strict)
    return caught.value.status, caught.value.kind, caught.value.message


def with_(**more: Any) -> dict[str, Any]:
    return {**ASKED, **more}


def says(*messages: dict[str, Any]) -> dict[str, Any]:
    return with_(messages=list(messages))


def assistant(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def text(of: str) -> dict[str, Any]:
    return {"type": "text", "text": of}


def image(**source: Any) -> dict[str, Any]:
    return user({"type": "image", "source": {"type": "base64", **source}})


# --- lines and heads


@pytest.mark.parametrize(
    ("seen", "status", "kind", "message"),
    [
        (request(target="/v1/v1/messages"), 404, "not_found_error", "base URL goes without /v1"),
        (request(target="/relay/v1/messages"), 404, "not_found_error", "strict=False"),
        (request(target="/v1/messages/count_tokens"), 404, "not_found_error", "answers POST /v1/m"),
        (request(target="/v1/complete"), 404, "not_found_error", "Not found: POST /v1/complete"),
        (request(target="/"), 404, "not_found_error", "Not found: POST /"),
        (request(method="PUT"), 405, "invalid_request_error", "Method Not Allowed"),
        (request(headers={}), 401, "authentication_error", "x-api-key header is required"),
        (
            request(headers={**HEADERS, "x-api-key": ""}),
            401,
            "authentication_error",
            "x-api-key header is required",
        ),
        (
            request(headers={"x-api-key": "k"}),
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        ),
        (
            request(headers={**HEADERS, "anthropic-version": "2"}),
            400,
            "invalid_request_error",
            'anthropic-version: "2" is not a valid version',
        ),
        (request(b"{"), 400, "invalid_request_error", "not valid JSON"),
        (request(b"[" * 100_000), 400, "invalid_request_error", "not valid JSON"),
        *(
            (
                request(b'{"metadata": {"user_id": %b}}' % word),
                400,
                "invalid_request_error",
                "not valid JSON",
            )
            for word in (b"NaN", b"Infinity", b"-Infinity")
        ),
        (request(b"[1]"), 400, "invalid_request_error", "not a JSON object"),
    ],
)
def test_a_request_line_head_or_body_that_the_api_refuses_is_refused(
    seen: Seen, status: int, kind: str, message: str
) -> None:
    found = refusal(seen)
    assert found[:2] == (status, kind)
    assert message in found[2]


def test_what_would_be_the_apis_cannot_be_got() -> None:
    for target, status in (("/v1/messages", 405), ("/v1/models", 404)):
        with pytest.raises(Refused) as caught:
            check_get(request(target=target, method="GET"))
        assert caught.value.status == status
    check_get(request(target="/events", method="GET"))


# --- bodies


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_missing_parameter_is_named(missing: str, strict: bool) -> None:
    body = {name: value for name, value in ASKED.items() if name != missing}
    expected = (400, "invalid_request_error", f"{missing}: Field required")
    assert refusal(request(body), strict=strict) == expected


REFUSED: list[tuple[dict[str, Any], str]] = [
    (with_(model=None), "model: Input should be a valid string"),
    (with_(model=""), "model: String should have at least 1 character"),
    (with_(max_tokens=None), "max_tokens: Input should be a valid integer"),
    (with_(max_tokens="10"), "max_tokens: Input should be a valid integer"),
    (with_(max_tokens=True), "max_tokens: Input should be a valid integer"),
    (with_(max_tokens=1.5), "max_tokens: Input should be a valid integer"),
    (with_(max_tokens=-1), "max_tokens: must be greater than or equal to 0"),
    (with_(temperature=1.5), "temperature: range: 0..1"),
    (with_(temperature=-0.1), "temperature: range: 0..1"),
    (with_(temperature="hot"), "temperature: Input should be a valid number"),
    (with_(top_p=2), "top_p: range: 0..1"),
    (with_(top_k=1.5), "top_k: Input should be a valid integer"),
    (with_(temprature=1), "temprature: Extra inputs are not permitted"),
    (with_(betas=[]), "betas: Extra inputs are not permitted"),
    (with_(stream="true"), "stream: Input should be a valid boolean"),
    (with_(stream=None), "stream: Input should be a valid boolean"),
    (with_(system=1), "system: Input should be a valid array"),
    (with_(metadata=[]), "metadata: Input should be an object"),
    (with_(stop_sequences="END"), "stop_sequences: Input should be a valid array"),
    (with_(stop_sequences=[1]), "stop_sequences.0: Input should be a valid string"),
    (with_(thinking={}), "thinking.type: Field required"),
    (
        with_(thinking={"type": "enabled"}),
        "thinking.enabled.budget_tokens: Field required",
    ),
    (
        with_(thinking={"type": "enabled", "budget_tokens": 1000}),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (with_(tools={}), "tools: Input should be a valid array"),
    (with_(tools=["f"]), "tools.0: Input should be an object"),
    (with_(tools=[{"name": "f"}]), "tools.0.custom.input_schema: Field required"),
    (with_(tools=[{"name": "f", "input_schema": {}}] * 2), "tools: Tool names must be unique."),
    (with_(tool_choice="any"), "tool_choice: Input should be an object"),
    (with_(messages="Hi"), "messages: Input should be a valid array"),
    (with_(messages=HI), "messages: Input should be a valid array"),
    (with_(messages=[]), "messages: at least one message is required"),
    (with_(messages=["Hi"]), "messages.0: Input should be an object"),
    (says({"content": "Hi"}), "messages.0.role: Field required"),
    (says({"role": "user"}), "messages.0.content: Field required"),
    (says({"role": "user", "content": None}), "messages.0.content: Input should be a valid array"),
    (
        says({"role": "human", "content": "Hi"}),
        'messages: Unexpected role "human". Allowed roles are "user" or "assistant"',
    ),
    (says({**HI, "id": "msg_1"}), "messages.0.id: Extra inputs are not permitted"),
    (says(user("Hi")), "messages.0.content.0: Input should be an object"),  # type: ignore[arg-type]
    (says(user({"text": "Hi"})), "messages.0.content.0.type: Field required"),
    (says(user({"type": "text"})), "messages.0.content.0.text.text: Field required"),
    (
        says(user({"type": "input_text", "text": "Hi"})),
        "messages.0.content.0: Input tag 'input_text' found using 'type' does not match any",
    ),
    (
        says(user({**text("Hi"), "index": 0})),
        "messages.0.content.0.text.index: Extra inputs are not permitted",
    ),
    (
        says(image(data="aGk=")),
        "messages.0.content.0.image.source.base64.media_type: Field required",
    ),
    (
        says(image(media_type="image/tiff", data="aGk=")),
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image",
    ),
    (
        says(HI, assistant({**CALL, "input": "{}"}), user(RESULT)),
        "messages.1.content.0.tool_use.input: Input should be an object",
    ),
    # The conversation.
    (says(assistant(text("Hi"))), 'messages: first message must use the "user" role'),
    (
        says({"role": "system", "content": "Be brief."}, HI),
        "messages.0: use the top-level 'system' parameter for the initial system prompt",
    ),
    (
        says({"role": "user", "content": ""}),
        "messages.0: user messages must have non-empty content",
    ),
    (says(HI, assistant(), HI), "messages.1: all messages must have non-empty content except for"),
    (says(user(text(""))), "messages: text content blocks must be non-empty"),
    (
        says(HI, assistant(CALL), HI),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t",
    ),
    (
        says(user(text("Hi"), RESULT)),
        "messages.0.content.1: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.",
    ),
    (
        says(HI, assistant(text("Yes?")), user(RESULT)),
        "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_body_that_the_api_refuses_is_refused_in_its_words_unless_the_server_is_loose(
    body: dict[str, Any], message: str
) -> None:
    status, kind, text = refusal(request(body))
    assert (status, kind) == (400, "invalid_request_error")
    assert text.startswith(message)
    assert not wants_stream(request({**body, "stream": False}), strict=False)


ACCEPTED: dict[str, dict[str, Any]] = {
    "no tokens, to fill the cache": with_(max_tokens=0),
    "a whole number of tokens as a float": with_(max_tokens=10.0),
    "sampling": with_(temperature=0, top_p=1, top_k=5),
    "fields that may be null": with_(metadata=None, stop_sequences=None, container=None),
    "fields of betas": with_(thread={"type": "create"}, fallbacks="default", output_format=None),
    "roles in a row": says(HI, HI, assistant(text("a")), assistant(text("b")), HI),
    "an empty message beside another": says(user(), HI),
    "a prefill": says(HI, assistant(text("I"))),
    "an empty last message": says(HI, assistant()),
    "a system message later": says(HI, {"role": "system", "content": "Be brief."}),
    "a directive of the system first": says({"role": "system", "content": []}, HI),
    "blocks for the system": with_(system=[text("Be brief.")]),
    "a result in the second message of a turn": says(HI, assistant(CALL), HI, user(RESULT)),
    "calls in the last message": says(HI, assistant(CALL)),
    "a tool of the API's": with_(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    "an image by URL": says(user({"type": "image", "source": {"type": "url", "url": "https://x"}})),
    "a document in base64": says(
        user(
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
            }
        )
    ),
    "what came before a compaction": says(
        user({"type": "compaction", "content": "Before."}), user(RESULT)
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_a_body_that_the_api_takes_or_may_take_is_taken(body: dict[str, Any]) -> None:
    assert list(faults(body, beta=False)) == []


def test_a_beta_header_may_unlock_keys_and_blocks_that_are_not_known_here() -> None:
    body = with_(mcp_servers=[], messages=[user({"type": "new_block"})])
    assert refusal(request(body))[0] == 400
    assert not wants_stream(request(body, headers={**HEADERS, "anthropic-beta": "new"}))


def test_the_newest_version_takes_no_sampling_parameters() -> None:
    headers = {**HEADERS, "anthropic-version": "2026-10-21"}
    for name, value in (("temperature", 1), ("top_p", 0.5), ("top_k", 1)):
        assert name in refusal(request(with_(**{name: value}), headers=headers))[2]
        assert not wants_stream(request(with_(**{name: value})))


def test_only_a_stream_that_is_asked_for_is_one() -> None:
    assert wants_stream(request(with_(stream=True), "//v1/messages?beta=true"))
    assert not wants_stream(request(with_(stream=False)))
    assert not wants_stream(request(ASKED))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "overloaded"])
def test_every_answer_that_is_served_can_be_sent_back(name: str) -> None:
    with MessageStream([b"".join(Recording.example(name).events)]) as stream:
        message = stream.get_final_message()
    answer = message.to_param()
    messages = [HI, answer] if answer["content"] else [HI]
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
        for block in message.content
        if block.type == "tool_use"
    ]
    if results:
        messages.append({"role": "user", "content": results})
    assert list(faults(with_(messages=messages), beta=False)) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "source", "id", "name", "input"]),
            inner,
            max_size=4,
        )
        | st.sampled_from(["text", "image", "tool_use", "tool_result", "user", "enabled", "base64"])
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "thinking", "temperature", "max_tokens", "stream"]),
        VALUES,
    )
)
def test_whatever_is_asked_is_taken_or_refused_and_never_an_exception(more: dict[str, Any]) -> None:
    with suppress(Refused):
        wants_stream(request(with_(**more)))
