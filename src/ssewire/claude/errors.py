# SPDX-License-Identifier: MIT
"""Every exception of the Claude layer.

    ClaudeError                    never raised itself; .partial_message .request_id .status
    ├── ConfigurationError         also ValueError: no key, a bad base URL
    ├── APIError                   .type .message .status .body .headers .retryable .in_band
    │   └── one class per error type: see API_ERRORS
    ├── StreamInterrupted          the transport failed: .reason; its error is __cause__
    │   └── APITimeoutError        a timeout ran out: the cause is a StreamTimeout
    ├── StreamTruncated            the body ended before the message was complete
    ├── MalformedEvent             .data: not JSON, or not of the protocol's shape
    │   ├── OversizedEvent         also EventTooLarge
    │   └── MalformedJSON          the answer was to be JSON
    └── StreamClosed               the caller had closed the stream

The names that the official SDK has for some of these are classes of ours.
May import: _checks, _json, ssewire.errors.
"""

from __future__ import annotations

from .._checks import excerpt
from ..errors import EventTooLarge, SSEWireError, StreamTimeout
from ._json import read_object

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

    from .._headers import Headers
    from ..event import Item
    from .message import Message


class ClaudeError(SSEWireError):
    """Base of what this layer raises.

    `partial_message` is what had arrived, as a message that never changes
    again, or None before its start; `request_id` names the request to
    Anthropic's support; `status` is the response's HTTP status, None where
    no response had come; `retry_after` is how many seconds the response asked
    to wait, None where it did not, or where nobody was going to ask again.
    """

    partial_message: Message | None = None
    request_id: str | None = None
    status: int | None = None
    retry_after: float | None = None

    @property
    def status_code(self) -> int | None:
        """`status`, under the official SDK's name."""
        return self.status

    def __repr__(self) -> str:
        # As bounded as the text: what the peer sent may be large, and logs print this.
        return f"{type(self).__name__}({str(self)!r})"


class ConfigurationError(ClaudeError, ValueError):
    """The client cannot be set up as asked: no key, or a bad base URL."""


class APIError(ClaudeError):
    """The API reported an error, as an HTTP status or inside a stream; the class is the same.

    `type` and `message` are the API's ("" where it sent none), `body` the
    decoded JSON or the text. `status` is the HTTP status; for an error inside
    a stream (`in_band`), whose response began with 200, it is the status that
    the type stands for, or None for a type that is not known. `headers` are
    the response's, None for an error inside a stream.
    """

    headers: Headers | None = None

    def __init__(
        self,
        type: str,
        message: str,
        status: int | None = None,
        body: Any = None,
        in_band: bool = False,
    ) -> None:
        super().__init__(type, message, status, body, in_band)
        self.type = type
        self.message = message
        self.status = status
        self.body = body
        self.in_band = in_band

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        if self.spent:
            return False
        # An HTTP status says more than the type of a body that some proxy may have written.
        if self.type in API_ERRORS and (self.in_band or self.status is None):
            return API_ERRORS[self.type][2]
        return self.status is not None and (self.status in (408, 409, 429) or self.status >= 500)

    @property
    def spent(self) -> bool:
        """Whether a spending limit is used up, which no retry changes for days."""
        return _error_code(self.body) in _SPENT

    def __str__(self) -> str:
        where = "in the stream" if self.in_band else f"status {self.status}"
        kind = self.type if self.type in API_ERRORS else excerpt(self.type)
        return f"{kind if self.type else 'error'} ({where}): {excerpt(self.message)}"


class InvalidRequestError(APIError):
    """invalid_request_error, 400."""


class AuthenticationError(APIError):
    """authentication_error, 401."""


class BillingError(APIError):
    """billing_error, 402."""


class PermissionDeniedError(APIError):
    """permission_error, 403."""


class NotFoundError(APIError):
    """not_found_error, 404."""


class ConflictError(APIError):
    """conflict_error, 409."""


class RequestTooLargeError(APIError):
    """request_too_large, 413; the body is often HTML of a proxy."""


class RateLimitError(APIError):
    """rate_limit_error, 429."""


class InternalServerError(APIError):
    """api_error, 500."""


class GatewayTimeoutError(APIError):
    """timeout_error, 504."""


class OverloadedError(APIError):
    """overloaded_error, 529."""


class StreamInterrupted(ClaudeError):
    """The transport failed before the message was complete; its error is the cause.

    `reason` is what that error says: `interrupted` makes both.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        when = "the message was complete" if self.partial_message else "a message began"
        reason = f": {self.reason}" if self.reason else ""
        return f"the connection failed before {when}{reason}"


class APITimeoutError(StreamInterrupted):
    """A timeout ran out before the message was complete; the cause, a StreamTimeout, says which."""


class StreamTruncated(ClaudeError):
    """The body ended before the message was complete."""

    def __str__(self) -> str:
        if self.partial_message is None:
            return "the stream ended before a message began"
        return "the stream ended before the message was complete"


class MalformedEvent(ClaudeError):
    """An event's data is not JSON or not of the protocol's shape; the reason is the cause."""

    def __init__(self, data: str) -> None:
        super().__init__(data)
        self.data = data

    def __str__(self) -> str:
        reason = "" if self.__cause__ is None else f" ({excerpt(str(self.__cause__))})"
        return f"an event is not of the protocol's shape{reason}: {excerpt(self.data)}"


class OversizedEvent(MalformedEvent, EventTooLarge):
    """An event is larger than `max_event_size`, or a body that is no stream than a quarter of it.

    `limit` is what it may have, in bytes; `document` says that it is such a body.
    """

    def __init__(self, limit: int, document: bool = False) -> None:
        # The arguments that pickle passes on; the parents set other ones.
        Exception.__init__(self, limit, document)
        self.limit = limit
        self.document = document
        self.events: list[Item] = []
        self.data = ""

    def __str__(self) -> str:
        if self.document:
            return (
                "a body that is no event stream is larger than a quarter of max_event_size "
                f"({self.limit} bytes)"
            )
        return EventTooLarge.__str__(self)


class MalformedJSON(MalformedEvent):
    """The answer was read as JSON and is not; `data` is its text, the reason is the cause."""

    def __str__(self) -> str:
        reason = "" if self.__cause__ is None else f" ({excerpt(str(self.__cause__))})"
        return f"the answer is not JSON{reason}: {excerpt(self.data)}"


class StreamClosed(ClaudeError):
    """The final message was asked of a stream that the caller had closed."""

    def __str__(self) -> str:
        text = "the stream was closed before the message was complete"
        return text if self.partial_message is None else f"{text}; partial_message has what came"


# What programs for the official SDK catch. Its APIError is the base of all of these; here that
# is ClaudeError, and APIError is what the API itself said.
AnthropicError = ClaudeError
"""The official SDK's name for `ClaudeError`."""
APIConnectionError = StreamInterrupted
"""The official SDK's name for `StreamInterrupted`."""
APIStatusError = APIError
"""The official SDK's name for `APIError`."""
BadRequestError = InvalidRequestError
"""The official SDK's name for `InvalidRequestError`."""

# error.type -> (class, the HTTP status it stands for, whether a retry may help).
# 409 is retried as in the official SDKs.
API_ERRORS: dict[str, tuple[type[APIError], int, bool]] = {
    "invalid_request_error": (InvalidRequestError, 400, False),
    "authentication_error": (AuthenticationError, 401, False),
    "billing_error": (BillingError, 402, False),
    "permission_error": (PermissionDeniedError, 403, False),
    "not_found_error": (NotFoundError, 404, False),
    "conflict_error": (ConflictError, 409, True),
    "request_too_large": (RequestTooLargeError, 413, False),
    "rate_limit_error": (RateLimitError, 429, True),
    "api_error": (InternalServerError, 500, True),
    "timeout_error": (GatewayTimeoutError, 504, True),
    "overloaded_error": (OverloadedError, 529, True),
}

# Spent budgets come as 429 and stay so for days.
_SPENT = ("enforced_spend_limit_reached", "contract_spend_limit_reached")


def interrupted(cause: BaseException) -> StreamInterrupted:
    """Return the error for a transport that failed with `cause`, which it is to be raised from."""
    cls = APITimeoutError if isinstance(cause, StreamTimeout) else StreamInterrupted
    error = cls(_reason(cause))
    error.__cause__ = cause
    return error


def _reason(cause: BaseException) -> str:
    """Return what an error says: our own as they are, others with their class and bounded."""
    try:
        text = str(cause)
    except Exception:
        text = ""  # Somebody else's class, whose str may fail: its name will do.
    if isinstance(cause, SSEWireError) and text:
        return text
    return f"{type(cause).__name__}: {excerpt(text)}" if text else type(cause).__name__


def api_error(body: Any, status: int | None = None, *, in_band: bool = False) -> APIError:
    """Return the exception for an error body: decoded JSON of any shape, or text.

    The class is chosen by the body's error type, else by the HTTP status, which may
    stand in the body too.
    """
    kind, message, number = _describe(body)
    cls = APIError
    if status is None:
        status = number
    if kind in API_ERRORS:
        cls, usual_status, _ = API_ERRORS[kind]
        if status is None:
            status = usual_status
    elif status is not None:
        for candidate, usual_status, _ in API_ERRORS.values():
            if status == usual_status:
                cls = candidate
        if cls is APIError and status >= 500:
            cls = InternalServerError
    error = cls(kind, message, status, body, in_band)
    if isinstance(body, dict) and isinstance(body.get("request_id"), str):
        error.request_id = body["request_id"]
    return error


# Where the words and the number of an error stand, in the API's form and those of relays.
_WORDS = ("message", "msg", "error_message", "error_msg", "detail", "description", "reason")
_NUMBERS = ("status", "status_code", "statusCode", "code", "error_code", "http_status", "http_code")

# Where an error is, in what a relay wraps around it: an object, a list of them or of words, or
# the JSON of one as a string. So many wrappings are looked into: one for each relay on the way.
_WRAPPED = ("error", "errors", "detail", "message")
_MOST_WRAPPED = 8


def _describe(body: Any) -> tuple[str, str, int | None]:
    """Return type, message and HTTP status of an error body: "" and None where it has none.

    What the innermost object says counts, but for types that the API does not have.
    """
    kind, message, number = "", body if isinstance(body, str) else "", _status(body)
    place: Any = body
    for _ in range(_MOST_WRAPPED):
        if not isinstance(place, dict):
            break
        said = place.get("type")
        said = said if isinstance(said, str) and said != "error" else ""
        if said in API_ERRORS or kind not in API_ERRORS:
            kind = said
        message = _first_str(place, _WORDS) or message
        for key in _NUMBERS:
            found = _status(place.get(key))
            if found is not None:
                number = found
                break
        inner = None
        for key in _WRAPPED:
            value = _unwrapped(place.get(key))
            if isinstance(value, dict):
                inner = value
                break
            if key != "message":
                message = value if isinstance(value, str) and value else message
                found = _status(value)
                number = number if found is None else found
        place = inner
    return kind, message, number


def _unwrapped(value: Any) -> Any:
    """Return what a wrapping holds: the first of a list, and the object that a string is."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, (dict, str))), None)
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        return read_object(value) or value
    return value


def _first_str(place: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = place.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def _status(value: Any) -> int | None:
    """Return the HTTP status that a value is, as a number or as its digits; None for none."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 400 <= value <= 599 else None


def describes_error(body: dict[str, Any]) -> bool:
    """Say whether an object without a type has the words or the status of an error."""
    if _first_str(body, _WORDS):
        return True
    if any(_unwrapped(body.get(key)) for key in ("errors", "detail")):
        return True
    return any(_status(body.get(key)) is not None for key in _NUMBERS)


def _error_code(body: Any) -> Any:
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    return details.get("error_code") if isinstance(details, dict) else None
