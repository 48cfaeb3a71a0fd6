# SPDX-License-Identifier: MIT
"""The error classes: which one, what it says, and that it survives a process border."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from ssewire import EventTooLarge
from ssewire import errors as core
from ssewire.claude import (
    AnthropicError,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    ClaudeError,
    ConfigurationError,
    ConflictError,
    GatewayTimeoutError,
    InternalServerError,
    InvalidRequestError,
    MalformedEvent,
    Message,
    NotFoundError,
    OverloadedError,
    OversizedEvent,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    StreamClosed,
    StreamInterrupted,
    StreamTruncated,
)
from ssewire.claude.errors import api_error

# error.type, class, status, whether a retry may help: the protocol's table.
TABLE: list[tuple[str, type[APIError], int, bool]] = [
    ("invalid_request_error", InvalidRequestError, 400, False),
    ("authentication_error", AuthenticationError, 401, False),
    ("billing_error", BillingError, 402, False),
    ("permission_error", PermissionDeniedError, 403, False),
    ("not_found_error", NotFoundError, 404, False),
    ("conflict_error", ConflictError, 409, True),
    ("request_too_large", RequestTooLargeError, 413, False),
    ("rate_limit_error", RateLimitError, 429, True),
    ("api_error", InternalServerError, 500, True),
    ("timeout_error", GatewayTimeoutError, 504, True),
    ("overloaded_error", OverloadedError, 529, True),
]


def body(kind: str, **details: Any) -> dict[str, Any]:
    error = {"type": kind, "message": "m", "details": details or None}
    return {"type": "error", "error": error, "request_id": "req_1"}


@pytest.mark.parametrize(("kind", "cls", "status", "retryable"), TABLE)
def test_type_of_an_error_chooses_class_status_and_retry(
    kind: str, cls: type[APIError], status: int, retryable: bool
) -> None:
    error = api_error(body(kind), in_band=True)
    assert type(error) is cls
    assert (error.type, error.message, error.status) == (kind, "m", status)
    assert (error.retryable, error.in_band, error.request_id) == (retryable, True, "req_1")
    assert error.body == body(kind)


@pytest.mark.parametrize(("kind", "cls", "status", "retryable"), TABLE)
def test_status_chooses_the_class_when_the_body_says_nothing(
    kind: str, cls: type[APIError], status: int, retryable: bool
) -> None:
    error = api_error("<html>no</html>", status)
    assert type(error) is cls
    assert (error.type, error.message, error.status) == ("", "<html>no</html>", status)
    assert error.retryable is retryable
    assert not error.in_band


def test_type_wins_over_status_and_status_is_kept() -> None:
    error = api_error(body("rate_limit_error"), 400)
    assert type(error) is RateLimitError
    assert error.status == 400


@pytest.mark.parametrize(
    ("status", "cls", "retryable"),
    [(503, InternalServerError, True), (418, APIError, False), (408, APIError, True)],
)
def test_other_statuses_have_the_nearest_class(status: int, cls: Any, retryable: bool) -> None:
    error = api_error({"odd": 1}, status)
    assert type(error) is cls
    assert error.retryable is retryable


def test_unknown_type_in_a_stream_has_no_status() -> None:
    error = api_error(body("odd_error"), in_band=True)
    assert type(error) is APIError
    assert (error.type, error.status, error.retryable) == ("odd_error", None, False)


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
def test_spent_budget_is_not_worth_a_retry(code: str) -> None:
    assert not api_error(body("rate_limit_error", error_code=code), 429).retryable
    assert api_error(body("rate_limit_error", error_code="ramp_limit_exceeded"), 429).retryable


@pytest.mark.parametrize("odd", [None, 1, [], {}, {"error": 1}, {"error": {"type": 1}}, "x"])
def test_body_of_any_shape_makes_an_error(odd: Any) -> None:
    error = api_error(odd, in_band=True)
    assert isinstance(error, APIError)
    assert error.body == odd
    assert str(error)


def test_text_of_an_error_shows_little_of_what_the_peer_sent() -> None:
    loud = "x\n" * 500
    for error in (api_error(loud, 500), api_error({"error": {"type": loud}}), MalformedEvent(loud)):
        assert len(str(error)) < 200
        assert "\n" not in str(error)


EVERY: list[ClaudeError] = [
    ConfigurationError("no key"),
    api_error(body("overloaded_error"), in_band=True),
    StreamInterrupted("could not connect"),
    APITimeoutError("no data within 5 s"),
    StreamTruncated(),
    MalformedEvent("{"),
    OversizedEvent(7),
    StreamClosed(),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda e: type(e).__name__)
def test_error_survives_pickling_with_its_message(error: ClaudeError) -> None:
    error.partial_message = Message({"id": "msg_1"})
    error.request_id = "req_2"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.request_id == "req_2"
    assert again.partial_message == error.partial_message


def test_a_repr_is_short_whatever_the_peer_sent() -> None:
    long = "x" * 1_000_000
    for error in (
        api_error({"type": "error", "error": {"type": long, "message": long}}, 400),
        api_error(long, 500),
        MalformedEvent(long),
    ):
        assert repr(error) == f"{type(error).__name__}({str(error)!r})"
        assert len(repr(error)) < 300


def test_errors_are_part_of_the_package_tree() -> None:
    assert issubclass(ClaudeError, core.SSEWireError)
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(OversizedEvent, EventTooLarge)
    assert OversizedEvent(7).limit == 7
    assert OversizedEvent(7).events == []
    assert "7" in str(OversizedEvent(7))


def test_the_official_sdks_names_are_classes_of_ours() -> None:
    assert AnthropicError is ClaudeError
    assert APIConnectionError is StreamInterrupted
    assert APIStatusError is APIError
    assert BadRequestError is InvalidRequestError
    assert issubclass(APITimeoutError, APIConnectionError)


@pytest.mark.parametrize("error", EVERY, ids=lambda e: type(e).__name__)
def test_status_code_is_the_status(error: ClaudeError) -> None:
    assert error.status_code == error.status


def test_a_malformed_event_says_what_is_wrong_with_it() -> None:
    error = MalformedEvent('{"index": -1}')
    error.__cause__ = ValueError("index must be an int of 0 or more")
    assert "index must be an int of 0 or more" in str(error)
