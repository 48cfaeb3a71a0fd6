# SPDX-License-Identifier: MIT
"""Server-sent events for Python: bytes in, events out."""

from ._version import __version__
from .encoder import encode, encode_comment, encode_event
from .errors import (
    EncodeError,
    EventDataError,
    EventTooLarge,
    ProtocolError,
    SSEWireError,
    StateError,
)
from .event import Comment, ServerSentEvent
from .parser import IMPLEMENTATION, Parser
from .sdk import sdk_decoder
from .stream import aiter_events, aiter_json, iter_events, iter_json, parse

__all__ = [
    "IMPLEMENTATION",
    "Comment",
    "EncodeError",
    "EventDataError",
    "EventTooLarge",
    "Parser",
    "ProtocolError",
    "SSEWireError",
    "ServerSentEvent",
    "StateError",
    "__version__",
    "aiter_events",
    "aiter_json",
    "encode",
    "encode_comment",
    "encode_event",
    "iter_events",
    "iter_json",
    "parse",
    "sdk_decoder",
]
