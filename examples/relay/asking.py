# SPDX-License-Identifier: MIT
"""What a request asks, and which requests are refused.

Knows headers and bodies, nothing of ASGI: the endpoint and its variants for frameworks
share it. Whatever it refuses it refuses with a status and a sentence for the public.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterable, Collection, Mapping
from typing import Any

from ssewire.claude import Message, continuation

# Bytes of a request: some 60,000 tokens, a conversation of hours. You pay for what
# visitors send.
MAX_BODY = 256 * 1024

# Bytes that are read, and dropped, of a request that is too large: a client that is
# answered while it still sends takes the answer for a broken connection.
MAX_DROPPED = 16 * 2**20


class Refused(Exception):
    """A request that is answered with a 4xx status and a sentence."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(status, kind, sentence)
        self.status = status
        self.content = error_content(kind, sentence)


def error_content(kind: str, sentence: str) -> dict[str, Any]:
    """Return what tells of an error, in the shape of the API's own."""
    return {"type": "error", "error": {"type": kind, "message": sentence}}


def invalid(sentence: str, status: int = 400) -> Refused:
    """Return the refusal of a request that makes no sense here."""
    return Refused(status, "invalid_request_error", sentence)


def check_host(headers: Mapping[str, str], hosts: Collection[str] = ()) -> None:
    """Refuse a request that came under a name which is not this server's.

    Whoever owns a domain can point it at your address (DNS rebinding): a page of it is then of
    one origin with this server, as far as a browser can tell. An address is no such name.

    Args:
        headers: by their names in lower case.
        hosts: names of this server besides localhost, as browsers show them (`chat.example`,
            with the port where it is not the usual one).

    Raises:
        Refused: it is another's.
    """
    host = headers.get("host", "").lower()
    # No browser leaves it out.
    if host and host not in hosts and not _is_here(host):
        raise invalid("This server is not known by that name. RELAY_HOSTS lists its names.", 421)


def _is_here(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_origin(headers: Mapping[str, str], hosts: Collection[str] = ()) -> None:
    """Refuse a request that a page of another site sends through a visitor's browser.

    All browsers say where a POST comes from, today's also whether that is elsewhere. What is no
    browser says neither, and carries nobody's cookies.

    Args:
        headers, hosts: as for `check_host`.

    Raises:
        Refused: it comes from another site.
    """
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site", "same-origin")
    here = {headers.get("host", "").lower(), *hosts}
    # "null" is the origin of sandboxed frames and of files.
    if site != "same-origin" or (origin and origin.lower().partition("://")[2] not in here):
        raise Refused(403, "permission_error", "Only this server's own page may ask.")


async def asked(headers: Mapping[str, str], chunks: AsyncIterable[bytes]) -> list[dict[str, Any]]:
    """Return the messages that a request asks with.

    Where the last is the assistant's, an answer that broke off is to go on: the messages that
    ask for the rest of it stand in its place.

    Args:
        headers: as for `check_host`.
        chunks: the body.

    Raises:
        Refused: it asks for nothing that can be answered.
    """
    # The third lock beside the two above: a page of another site cannot send this type without
    # asking first, which nobody answers.
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise invalid("The content type must be application/json.", 415)
    content = _content(await _whole(chunks))
    if "prompt" in content and "messages" in content:
        raise invalid("Send a prompt or messages, not both.")
    if "prompt" in content:
        return [_message({"role": "user", "content": content["prompt"]})]
    given = content.get("messages")
    if not isinstance(given, list) or not given:
        raise invalid("There is no prompt, and there are no messages.")
    messages = [_message(message) for message in given]
    if messages[0]["role"] != "user":
        raise invalid('The first message is of the role "user".')
    return _going_on(messages)


async def _whole(chunks: AsyncIterable[bytes]) -> bytes:
    body = bytearray()
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= MAX_BODY:
            body += chunk
        elif size > MAX_DROPPED:
            break
    if size > MAX_BODY:
        sentence = f"The request is too large: {MAX_BODY // 1024} KiB is the limit."
        raise Refused(413, "request_too_large", sentence)
    return bytes(body)


def _content(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("The body is not JSON.") from None
    if not isinstance(content, dict):
        raise invalid("The body is not a JSON object.")
    return content


def _message(message: object) -> dict[str, str]:
    """Return a message that may go to the API, with nothing in it but these two.

    Raises:
        Refused: it is not one.
    """
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        raise invalid('Each message has a role, "user" or "assistant".')
    content = message.get("content")
    # No blocks: with those a visitor could have the API fetch files at your cost.
    if not isinstance(content, str) or not content.strip():
        raise invalid("The content of each message is text that is not empty.")
    try:
        content.encode()
    except UnicodeEncodeError:
        # What a browser makes of text that was cut in the middle of an emoji.
        raise invalid("The text holds half a character.") from None
    return {"role": message["role"], "content": content}


def _going_on(messages: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the messages, where the last is the assistant's with what asks for its rest."""
    *before, last = messages
    if last["role"] != "assistant":
        return messages
    begun = Message({"role": "assistant", "content": [{"type": "text", "text": last["content"]}]})
    return [*before, *continuation(begun)]
