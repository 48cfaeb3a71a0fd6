# SPDX-License-Identifier: MIT
"""What callers of both Claude clients see when servers do what servers do.

One list drives the sync and the asyncio client. A scenario is a script for the
server (see `tests.kit.scripted`), settings of the client, and what comes of it:
text or a typed error with its facts and its partial message, the pauses before
retries, the number of requests. `play` in test_both plays a scenario with each client
in each of the `WAYS` and gives an `Outcome`; `check` compares.
Chance is taken out: `client._random` is 0, so the n-th backoff is 0.5 * 2**n.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ssewire.claude import (
    APIError,
    APITimeoutError,
    ClaudeError,
    InternalServerError,
    InvalidRequestError,
    MalformedEvent,
    OverloadedError,
    RateLimitError,
    RequestTooLargeError,
    StreamInterrupted,
    StreamTruncated,
)
from ssewire.claude.errors import API_ERRORS
from ssewire.errors import (
    ConnectionLost,
    ContentDecodingError,
    HTTPFormatError,
    RedirectError,
    StreamTimeout,
)
from tests.claude import wire
from tests.kit.scripted import CHUNKED, LAST_CHUNK, SOON, Connection, chunk, drip, head
from tests.kit.scripted import ClosingServer as Server

# stream().text_stream; iterating stream(); create(stream=True); create().
WAYS = ("text", "events", "raw", "whole")

REQUEST_ID = "req_011Scripted"
SSE = head(200, CHUNKED, f"request-id: {REQUEST_ID}")
ASKED: dict[str, Any] = {
    "model": "claude-a",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hello"}],
}


class Outcome:
    """What a caller has seen."""

    def __init__(self) -> None:
        # The texts, joined; of "raw" those of its text deltas.
        self.text = ""
        # The types of the events; [] where none are seen.
        self.types: list[str] = []
        self.error: BaseException | None = None
        # Entering the stream, or create(stream=True), came back.
        self.opened = False
        # The final message; None if there is none.
        self.message: dict[str, Any] | None = None
        # The stream's own partial_message after all; None where there is no stream.
        self.left: dict[str, Any] | None = None
        self.request_id: str | None = None
        # Pauses before retries.
        self.slept: list[float] = []


class Scenario:
    """One row.

    Args:
        name: what happens, in words.
        script: what happens on each connection.
        text: what text comes, also before an error.
        error: the class of what is raised; None for none.
        facts: attributes of that error.
        cause: the class of its cause; `cause_facts` its attributes.
        opened: whether the error comes after the stream was entered.
        partial: the content of the partial message; None if there is none.
        ended: further keys of the partial message, such as its stop_reason.
        slept: the pauses.
        options: of the client; `params` of the request.
        requests: how many the server sees; one more than pauses if not given.
    """

    def __init__(
        self,
        name: str,
        script: Sequence[Connection],
        *,
        text: str = "",
        error: type[BaseException] | None = None,
        facts: dict[str, Any] | None = None,
        cause: type[BaseException] | None = None,
        cause_facts: dict[str, Any] | None = None,
        opened: bool = True,
        partial: list[dict[str, Any]] | None = None,
        ended: dict[str, Any] | None = None,
        slept: Iterable[float] = (),
        options: dict[str, Any] | None = None,
        timeouts: dict[str, float] | None = None,
        params: dict[str, Any] | None = None,
        requests: int | None = None,
    ) -> None:
        self.name = name
        self.script = script
        self.text = text
        self.error = error
        self.facts = facts or {}
        self.cause = cause
        self.cause_facts = cause_facts or {}
        self.opened = opened
        self.partial = None if partial is None else message(partial, **(ended or {}))
        self.slept = list(slept)
        self.options = options or {}
        self.timeouts = timeouts
        self.params = params or {}
        self.requests = len(self.slept) + 1 if requests is None else requests

    def server(self) -> Server:
        return Server(self.script)

    def check(self, outcome: Outcome, server: Server, way: str) -> None:
        """Fail unless the caller saw what this scenario says."""
        if self.error is None:
            assert outcome.error is None, outcome.error
            assert outcome.message is not None or way == "raw"
        else:
            assert type(outcome.error) is self.error, repr(outcome.error)
            self._check_error(outcome.error)
        if way != "whole":
            assert outcome.text == self.text
            assert outcome.opened is (self.opened or self.error is None)
            if self.error is not None and self.opened:
                assert as_bytes(outcome.left) == as_bytes(self.partial)
        assert outcome.slept == self.slept
        assert len(server.requests) == self.requests
        bodies = {request.body for request in server.requests}
        assert len(bodies) <= 1, "a retry sent something else"
        assert server.wait_closed(), "the client has left a connection open"

    def _check_error(self, error: BaseException | None) -> None:
        for name, value in self.facts.items():
            assert getattr(error, name) == value, name
        cause = None if error is None else error.__cause__
        if self.cause is not None:
            assert type(cause) is self.cause, repr(cause)
        for name, value in self.cause_facts.items():
            assert getattr(cause, name) == value, name
        if isinstance(error, ClaudeError):
            partial = error.partial_message
            found = None if partial is None else partial.to_dict()
            assert as_bytes(found) == as_bytes(self.partial)

    def __repr__(self) -> str:
        return self.name


def as_bytes(found: Any) -> bytes:
    """Return JSON as text, keys in their order: equal byte for byte, or not equal."""
    return json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass")


def message(content: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return the JSON of the scripted message with this content."""
    return {**wire.MESSAGE, "content": content, **fields}


def stream(*events: bytes) -> list[Any]:
    """Return a response with these events that ends as it should."""
    return [SSE, chunk(*events), LAST_CHUNK]


def own_stream(field: str, *events: bytes) -> list[Any]:
    """Return a stream whose response has one more header field."""
    parts = [chunk(*events)] if any(events) else []
    return [head(200, CHUNKED, f"request-id: {REQUEST_ID}", field), *parts, LAST_CHUNK]


def refusal(status: int, body: Any, *fields: str, content_type: str = "application/json") -> Any:
    """Return a response that is no stream."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = (f"Content-Length: {len(data)}", f"request-id: {REQUEST_ID}", *fields)
    return [head(status, *fields, content_type=content_type), data]


def problem(kind: str, **details: Any) -> dict[str, Any]:
    """Return an error as the API words it."""
    error: dict[str, Any] = {"type": kind, "message": "No."}
    if details:
        error["details"] = details
    return {"type": "error", "error": error, "request_id": "req_body"}


def in_band(kind: str) -> bytes:
    return wire.wire("error", error={"type": kind, "message": "No."})


HELLO = wire.whole(wire.text_block(0, "Hel", "lo, Zürich"))
TEXT = "Hello, Zürich"
GOOD = stream(HELLO)
BUSY = refusal(529, problem("overloaded_error"))


def kept(*answers: list[bytes]) -> list[Any]:
    """Return steps that answer one request after another on one connection."""
    # Each in one piece: what comes later than the next request costs the connection.
    steps: list[Any] = [b"".join(answers[0])]
    for answer in answers[1:]:
        steps += ["request", b"".join(answer)]
    return steps


# --- retries by status

STATUSES: list[Scenario] = [
    Scenario(
        f"status {status} is retried",
        [refusal(status, b"", content_type="text/plain"), GOOD],
        text=TEXT,
        slept=[0.5],
    )
    for status in (408, 409, 429, 500, 502, 503, 504, 529, 599)
]
STATUSES += [
    Scenario(
        f"status {status} is not retried",
        [refusal(status, {"odd": 1}), GOOD],
        error=cls,
        opened=False,
        facts={"status": status, "in_band": False, "request_id": REQUEST_ID, "body": {"odd": 1}},
    )
    for status, cls in [
        (400, InvalidRequestError),
        (413, RequestTooLargeError),
        (418, APIError),
        (422, APIError),
        (431, APIError),
    ]
]
STATUSES += [
    Scenario(
        f"status {status} with {kind} is a {cls.__name__}",
        [refusal(status, problem(kind))],
        error=cls,
        opened=False,
        facts={
            "status": status,
            "type": kind,
            "message": "No.",
            "in_band": False,
            "retryable": retryable,
            "request_id": REQUEST_ID,
            "body": problem(kind),
        },
        slept=[0.5, 1.0] if retryable else [],
    )
    for kind, (cls, status, retryable) in API_ERRORS.items()
]

RETRIES: list[Scenario] = [
    Scenario("two failures, then an answer", [BUSY, BUSY, GOOD], text=TEXT, slept=[0.5, 1.0]),
    Scenario(
        "as many attempts as are allowed, and no more",
        [BUSY, BUSY, BUSY, GOOD],
        error=OverloadedError,
        opened=False,
        slept=[0.5, 1.0],
    ),
    Scenario(
        "backoff doubles up to eight seconds",
        [*[BUSY] * 6, GOOD],
        text=TEXT,
        options={"max_retries": 6},
        slept=[0.5, 1.0, 2.0, 4.0, 8.0, 8.0],
    ),
    Scenario(
        "no retries where none are wanted",
        [BUSY, GOOD],
        error=OverloadedError,
        opened=False,
        options={"max_retries": 0},
    ),
    Scenario(
        "the error of the last attempt is raised",
        [BUSY, refusal(401, problem("authentication_error"))],
        error=API_ERRORS["authentication_error"][0],
        opened=False,
        slept=[0.5],
    ),
    Scenario(
        "x-should-retry: true has even a 400 retried",
        [refusal(400, problem("invalid_request_error"), "x-should-retry: true"), GOOD],
        text=TEXT,
        slept=[0.5],
    ),
    Scenario(
        "x-should-retry: false keeps even a 500 from being retried",
        [refusal(500, problem("api_error"), "x-should-retry: false"), GOOD],
        error=InternalServerError,
        opened=False,
    ),
    Scenario(
        "x-should-retry: false goes for an error in the stream of a 200",
        [own_stream("x-should-retry: false", in_band("overloaded_error")), GOOD],
        error=OverloadedError,
        facts={"in_band": True},
    ),
    Scenario(
        "x-should-retry: false goes for a 200 that ends before the message",
        [own_stream("x-should-retry: False", b""), GOOD],
        error=StreamTruncated,
    ),
    Scenario(
        "x-should-retry: false goes for a 200 that is cut before the message",
        [own_stream("x-should-retry: false", b"")[:1], GOOD],
        error=StreamInterrupted,
        cause=ConnectionLost,
    ),
    Scenario(
        "x-should-retry: true of a 200 makes no error worth a retry that is not",
        [own_stream("x-should-retry: true", in_band("invalid_request_error")), GOOD],
        error=InvalidRequestError,
    ),
    Scenario(
        "a spent budget is not retried",
        [refusal(429, problem("rate_limit_error", error_code="enforced_spend_limit_reached"))],
        error=RateLimitError,
        opened=False,
        facts={"retryable": False, "spent": True},
    ),
    Scenario(
        "a spent budget is not retried, though the response says that it should be",
        [
            refusal(
                429,
                problem("rate_limit_error", error_code="contract_spend_limit_reached"),
                "x-should-retry: true",
            )
        ],
        error=RateLimitError,
        opened=False,
    ),
    Scenario(
        "a limit that fills up again is retried",
        [
            refusal(
                429,
                problem("rate_limit_error", error_code="ramp_limit_exceeded"),
                "retry-after: 1",
            ),
            GOOD,
        ],
        text=TEXT,
        slept=[1.0],
    ),
    Scenario(
        "a body of HTML, as of a proxy, is the message",
        [refusal(502, b"<html>Bad gateway</html>", content_type="text/html")],
        error=InternalServerError,
        opened=False,
        facts={"message": "<html>Bad gateway</html>", "type": "", "status": 502},
        options={"max_retries": 0},
    ),
    Scenario(
        "a body that is cut has its status all the same",
        [[head(503, "Content-Length: 1000"), b"half of"]],
        error=InternalServerError,
        opened=False,
        facts={"message": "half of", "status": 503},
        options={"max_retries": 0},
    ),
    Scenario(
        "a redirect without a target is not retried",
        [[head(302, "Content-Length: 0")], GOOD],
        error=StreamInterrupted,
        opened=False,
        cause=RedirectError,
    ),
]
RETRIES += [
    Scenario(
        f"a pause asked for by {', '.join(fields)} is {seconds} s",
        [refusal(429, problem("rate_limit_error"), *fields), GOOD],
        text=TEXT,
        slept=[seconds],
    )
    for fields, seconds in [
        (["retry-after: 7"], 7.0),
        (["retry-after: 0.25"], 0.25),
        (["retry-after-ms: 1500.5"], 1.5005),
        (["retry-after-ms: 20", "retry-after: 7"], 0.02),
        (["retry-after-ms: soon", "retry-after: 7"], 7.0),
        (["retry-after: 0"], 0.5),
        (["retry-after: -3"], 0.5),
        (["retry-after: nan"], 0.5),
        (["retry-after: inf"], 0.5),
        (["retry-after: in a while"], 0.5),
        (["retry-after: Wed, 21 Oct 2015 07:28:00 GMT"], 0.5),
    ]
]
RETRIES += [
    Scenario(
        f"a longer pause than one may be, asked for by {field}, is told at once",
        [refusal(429, problem("rate_limit_error"), field)],
        error=RateLimitError,
        opened=False,
        facts={"retry_after": seconds, "status": 429},
        options=options,
    )
    for field, seconds, options in [
        ("retry-after: 62291", 62291.0, {"max_retry_delay": 60}),
        ("retry-after: 6", 6.0, {"max_retry_delay": 5}),
        ("retry-after-ms: 60001", 60.001, {}),
    ]
]

# --- errors within a stream

IN_BAND: list[Scenario] = []
for _kind, (_api_cls, _status, _retryable) in API_ERRORS.items():
    _facts = {"type": _kind, "in_band": True, "status": _status, "request_id": REQUEST_ID}
    if _retryable:
        IN_BAND.append(
            Scenario(
                f"{_kind} as the first event is retried",
                [stream(in_band(_kind)), GOOD],
                text=TEXT,
                slept=[0.5],
            )
        )
    IN_BAND += [
        Scenario(
            f"{_kind} as the first event, every time",
            [stream(in_band(_kind))],
            error=_api_cls,
            facts=_facts,
            slept=[0.5, 1.0] if _retryable else [],
        ),
        Scenario(
            f"{_kind} within the text is not retried",
            [
                stream(wire.message_start(), wire.start(0, wire.TEXT), wire.text(0, "Hé"),
                       in_band(_kind)),
                GOOD,
            ],
            text="Hé",
            error=_api_cls,
            facts=_facts,
            partial=[{"type": "text", "text": "Hé"}],
        ),
    ]  # fmt: skip
IN_BAND += [
    Scenario(
        "an error after nothing but pings is retried",
        [stream(wire.wire("ping"), in_band("overloaded_error")), GOOD],
        text=TEXT,
        slept=[0.5],
    ),
    Scenario(
        "an error right after message_start is not retried",
        [stream(wire.message_start(), in_band("overloaded_error")), GOOD],
        error=OverloadedError,
        partial=[],
    ),
    Scenario(
        "an error in one packet with message_start is not retried either",
        [[SSE + chunk(wire.message_start() + in_band("overloaded_error")) + LAST_CHUNK], GOOD],
        error=OverloadedError,
        partial=[],
    ),
    Scenario(
        "an in-band error, a refusal and a cut, then an answer",
        [stream(in_band("api_error")), BUSY, [SSE], GOOD],
        text=TEXT,
        options={"max_retries": 3},
        slept=[0.5, 1.0, 2.0],
    ),
    Scenario(
        "an in-band error, then a refusal that is final",
        [stream(in_band("api_error")), refusal(400, problem("invalid_request_error"))],
        error=InvalidRequestError,
        facts={"in_band": False, "status": 400},
        slept=[0.5],
    ),
    Scenario(
        "an unknown error type within a stream is not retried",
        [stream(in_band("odd_error")), GOOD],
        error=APIError,
        facts={"type": "odd_error", "status": 200},
    ),
]

# --- faults at each phase

_START = wire.message_start() + wire.start(0, wire.TEXT)
_TOOL = wire.start(0, wire.TOOL) + wire.partial(0, '{"city": "Zür') + wire.partial(0, 'ich", "da')
_INPUT = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Zürich"}}
_WHOLE = wire.text_block(0, "Hé", "llo") + wire.message_delta()
_OPEN = _START + wire.text(0, "Hé") + wire.text(0, "llo") + wire.message_delta()

# Name, what was sent until then, its text, the partial content, further keys of the message.
PHASES: list[tuple[str, bytes, str, list[dict[str, Any]] | None, dict[str, Any]]] = [
    ("before message_start", SSE, "", None, {}),
    ("after a ping", SSE + chunk(wire.wire("ping")), "", None, {}),
    ("within message_start", SSE + chunk(wire.message_start()[:40]), "", None, {}),
    ("after message_start", SSE + chunk(wire.message_start()), "", [], {}),
    (
        "within the text",
        SSE + chunk(_START, wire.text(0, "Hé"), wire.text(0, "llo"), wire.text(0, "!")[:-9]),
        "Héllo",
        [{"type": "text", "text": "Héllo"}],
        {},
    ),
    ("within a tool's input", SSE + chunk(wire.message_start(), _TOOL), "", [_INPUT], {}),
    (
        "after a stop_reason, within a block",
        SSE + chunk(_OPEN),
        "Héllo",
        [{"type": "text", "text": "Héllo"}],
        {"stop_reason": "end_turn", "usage": {"input_tokens": 11, "output_tokens": 6}},
    ),
    ("before message_stop", SSE + chunk(wire.message_start() + _WHOLE), "Héllo", [], {}),
]

# Name, what happens, the class of the error, of its cause, the cause's attributes.
FAULTS: list[tuple[str, list[Any], type[ClaudeError], Any, dict[str, Any]]] = [
    # The pause lets the bytes arrive before the reset.
    ("a reset", [0.05, "reset"], StreamInterrupted, ConnectionLost, {}),
    ("a cut", [], StreamInterrupted, ConnectionLost, {}),
    ("silence", ["hold"], APITimeoutError, StreamTimeout, {"kind": "idle", "seconds": SOON}),
    ("bytes that are no HTTP", [b"what?\r\n"], StreamInterrupted, HTTPFormatError, {}),
    ("an early end", [LAST_CHUNK], StreamTruncated, None, {}),
]

HEADS: list[Scenario] = []
for _where, _sent in [("before the head", []), ("within the head", [SSE[:20]])]:
    for _name, _steps, _cls, _cause, _cause_facts in FAULTS:
        if _name in ("an early end", "bytes that are no HTTP"):
            continue
        _timeouts = None
        if _name == "silence":
            _timeouts = {"head": SOON}
            _cause_facts = {"kind": "head", "seconds": SOON}
        HEADS += [
            Scenario(
                f"{_name} {_where} is retried",
                [[*_sent, *_steps], GOOD],
                text=TEXT,
                timeouts=_timeouts,
                slept=[0.5],
            ),
            Scenario(
                f"{_name} {_where}, every time",
                [[*_sent, *_steps]],
                error=_cls,
                facts={"status": None, "request_id": None},
                cause=_cause,
                cause_facts=_cause_facts,
                opened=False,
                timeouts=_timeouts,
                options={"max_retries": 1},
                slept=[0.5],
            ),
        ]

BODIES: list[Scenario] = []
for _where, _data, _text, _partial, _ended in PHASES:
    for _name, _steps, _cls, _cause, _cause_facts in FAULTS:
        _timeouts = {"idle": SOON} if _name == "silence" else None
        if _where == "before message_stop":
            # Nothing is missing but the end itself.
            BODIES.append(
                Scenario(
                    f"{_name} {_where} ends the message",
                    [[_data, *_steps]],
                    text=_text,
                    timeouts=_timeouts,
                )
            )
            continue
        if _name == "an early end" and _where == "after a stop_reason, within a block":
            continue
        if _partial is None:
            BODIES.append(
                Scenario(
                    f"{_name} {_where} is retried",
                    [[_data, *_steps], GOOD],
                    text=TEXT,
                    timeouts=_timeouts,
                    slept=[0.5],
                )
            )
        BODIES.append(
            Scenario(
                f"{_name} {_where}, every time",
                [[_data, *_steps]],
                text=_text,
                error=_cls,
                facts={"status": 200, "request_id": REQUEST_ID},
                cause=_cause,
                cause_facts=_cause_facts,
                partial=_partial,
                ended=_ended,
                timeouts=_timeouts,
                options={"max_retries": 1},
                slept=[] if _partial is not None else [0.5],
            )
        )
    if _where not in ("within message_start", "before message_stop"):
        BODIES.append(
            Scenario(
                f"an event that is not JSON {_where}",
                [[_data, chunk(b'\n\nevent: x\ndata: {"a\n\n'), LAST_CHUNK]]
                if _where == "within the text"
                else [[_data, chunk(b'event: x\ndata: {"a\n\n'), LAST_CHUNK]],
                text=_text,
                error=MalformedEvent,
                facts={"status": 200, "request_id": REQUEST_ID},
                partial=_partial,
                ended=_ended,
            )
        )

# Ten times as long as the timeout; then all is well, for those who still listen.
PINGS: list[Any] = [0.05, chunk(wire.wire("ping"))] * 80

STALLS: list[Scenario] = [
    Scenario(
        "nothing but pings before message_stop ends the message by stall",
        [[SSE + chunk(wire.message_start() + _WHOLE), *PINGS, LAST_CHUNK]],
        text="Héllo",
        timeouts={"stall": 2 * SOON, "idle": 5.0},
    ),
    Scenario(
        "nothing but pings before message_start ends by stall and is retried",
        [[SSE, *PINGS, chunk(HELLO), LAST_CHUNK], GOOD],
        text=TEXT,
        timeouts={"stall": 2 * SOON, "idle": 5.0},
        slept=[0.5],
    ),
    Scenario(
        "nothing but pings within the text ends by stall",
        [[SSE + chunk(_START, wire.text(0, "Hé")), *PINGS, chunk(wire.END), LAST_CHUNK]],
        text="Hé",
        error=APITimeoutError,
        cause=StreamTimeout,
        cause_facts={"kind": "stall", "seconds": 2 * SOON},
        partial=[{"type": "text", "text": "Hé"}],
        timeouts={"stall": 2 * SOON, "idle": 5.0},
    ),
    Scenario(
        "pings without a name are pings too",
        [
            [
                SSE,
                *[0.05, chunk(b'data: {"type": "ping"}\n\n')] * 80,
                chunk(HELLO),
                LAST_CHUNK,
            ]
        ],
        error=APITimeoutError,
        cause=StreamTimeout,
        cause_facts={"kind": "stall"},
        timeouts={"stall": 2 * SOON, "idle": 5.0},
        options={"max_retries": 0},
    ),
    Scenario(
        "pings keep a stream from being idle",
        [[SSE, *[0.05, chunk(wire.wire("ping"))] * 10, chunk(HELLO), LAST_CHUNK]],
        text=TEXT,
        timeouts={"idle": 0.4},
    ),
    Scenario(
        "text that comes slowly is no stall",
        [[SSE, chunk(_START), *[0.05, chunk(wire.text(0, "a"))] * 10,
          chunk(wire.stop(0) + wire.END), LAST_CHUNK]],
        text="a" * 10,
        timeouts={"stall": 0.4},
    ),
    Scenario(
        "the whole call has one limit, and is not tried again after it",
        [[SSE + chunk(_START, wire.text(0, "Hé")), "hold"]],
        text="Hé",
        error=APITimeoutError,
        cause=StreamTimeout,
        cause_facts={"kind": "total", "seconds": SOON},
        partial=[{"type": "text", "text": "Hé"}],
        timeouts={"total": SOON},
    ),
    Scenario(
        "the limit of the whole call leaves no time for a pause",
        [BUSY],
        error=OverloadedError,
        opened=False,
        timeouts={"total": 0.45},
    ),
]  # fmt: skip

# --- what is no stream of the API's, or a little different

TOLERATED: list[Scenario] = [
    Scenario("an answer", [GOOD], text=TEXT),
    Scenario("an answer in single bytes", [[*drip(SSE + chunk(HELLO) + LAST_CHUNK, 7)]], text=TEXT),
    Scenario("an answer to the end of the connection", [[head(200), HELLO]], text=TEXT),
    *[
        Scenario(
            f"an answer with {', '.join(fields)}",
            [[head(200, *fields), *body]],
            text=TEXT,
        )
        for fields, body in (
            (("Content-Encoding: none",), [HELLO]),
            (("Transfer-Encoding: identity",), [HELLO]),
            ((CHUNKED, CHUNKED), [chunk(HELLO), LAST_CHUNK, "hold"]),
            ((CHUNKED, "X-Folded: a\r\n b"), [chunk(HELLO), LAST_CHUNK, "hold"]),
        )
    ],
    Scenario("message_stop, and then a cut", [[SSE, chunk(HELLO)]], text=TEXT),
    Scenario("message_stop, and then silence", [[SSE, chunk(HELLO), "hold"]], text=TEXT),
    Scenario(
        "an early end after the stop reason",
        [stream(wire.message_start() + _WHOLE)],
        text="Héllo",
    ),
    Scenario(
        "[DONE] for message_stop",
        [stream(wire.message_start() + _WHOLE, b"data: [DONE]\n\n")],
        text="Héllo",
    ),
    Scenario("[DONE] after message_stop", [stream(HELLO, b"data: [DONE]\n\n")], text=TEXT),
    Scenario(
        "events without names",
        [stream(HELLO.replace(b"event: ", b": "))],
        text=TEXT,
    ),
    Scenario(
        "a gzipped answer",
        [[head(200, "Content-Encoding: gzip"), gzip.compress(HELLO)]],
        text=TEXT,
    ),
    Scenario(
        "an encoding that nobody knows is not retried",
        [[head(200, "Content-Encoding: br", f"request-id: {REQUEST_ID}"), b"\x8b\x01"]],
        error=StreamInterrupted,
        cause=ContentDecodingError,
        facts={"status": 200, "request_id": REQUEST_ID},
    ),
    Scenario(
        "a stream that calls itself plain text",
        [[head(200, content_type="text/plain"), HELLO]],
        text=TEXT,
    ),
    Scenario("a stream without a content type", [[head(200, content_type=None), HELLO]], text=TEXT),
    Scenario(
        "a whole message in place of a stream",
        [refusal(200, message([{"type": "text", "text": TEXT}], stop_reason="end_turn"))],
        text=TEXT,
    ),
    Scenario(
        "an error as JSON with status 200 is retried",
        [refusal(200, problem("overloaded_error")), GOOD],
        text=TEXT,
        slept=[0.5],
    ),
    Scenario(
        "an error as JSON with status 200 that is final",
        [refusal(200, problem("invalid_request_error"))],
        error=InvalidRequestError,
        facts={"in_band": True, "status": 400, "request_id": "req_body"},
    ),
    Scenario(
        "HTML with status 200",
        [refusal(200, b"<html>log in</html>", content_type="text/html")],
        error=MalformedEvent,
        facts={"data": "<html>log in</html>", "status": 200},
    ),
    Scenario(
        "a sentence with status 200",
        [refusal(200, b"upstream connect error", content_type="text/plain")],
        error=APIError,
        facts={"message": "upstream connect error", "status": 200, "request_id": REQUEST_ID},
    ),
    Scenario("an empty body is retried", [refusal(200, b""), GOOD], text=TEXT, slept=[0.5]),
    Scenario(
        "an empty body, every time",
        [refusal(200, b"", content_type="text/event-stream")],
        error=StreamTruncated,
        facts={"status": 200, "request_id": REQUEST_ID},
        slept=[0.5, 1.0],
    ),
    Scenario(
        "a redirect is followed",
        [[head(307, "Location: @URL@/elsewhere", "Content-Length: 0")], GOOD],
        text=TEXT,
        requests=2,
    ),
]

SCENARIOS = [*STATUSES, *RETRIES, *IN_BAND, *HEADS, *BODIES, *STALLS, *TOLERATED]
