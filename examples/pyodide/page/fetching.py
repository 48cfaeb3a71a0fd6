# SPDX-License-Identifier: MIT
"""Carries the requests of `ssewire.aio` by the browser's `fetch`, in Pyodide.

client = AsyncClaude(transport=fetch)
"""

from __future__ import annotations

from js import AbortController, Object
from js import fetch as js_fetch
from pyodide.ffi import JsException, to_js

from ssewire.aio import HTTPResponse
from ssewire.errors import ConnectFailed, ConnectionLost

# What a browser sets itself, and lets no page set.
FORBIDDEN = {"accept-encoding", "connection", "content-length", "host", "user-agent"}


async def fetch(request):
    """Return the response as soon as its head is there; the body follows as it comes."""
    controller = AbortController.new()
    options = {
        "method": request.method,
        "headers": [
            [name, value]
            for name, value in request.headers.multi_items()
            if name.lower() not in FORBIDDEN
        ],
        # ssewire follows redirects itself, and never takes a key to another origin.
        "redirect": "error",
        "signal": controller.signal,
    }
    if request.body is not None:
        options["body"] = to_js(request.body)
    try:
        response = await js_fetch(request.url, to_js(options, dict_converter=Object.fromEntries))
    except JsException as exc:
        # A browser does not tell a page why: the server is down, or CORS forbids it.
        raise ConnectFailed(request.url, f"fetch failed ({exc})") from exc
    headers = [(entry[0], entry[1]) for entry in response.headers.entries()]
    return HTTPResponse(
        response.status,
        headers,
        chunks(response),
        url=response.url,
        close=controller.abort,
    )


async def chunks(response):
    if response.body is None:
        return
    reader = response.body.getReader()
    while True:
        try:
            step = await reader.read()
        except JsException as exc:
            raise ConnectionLost(f"the response broke off ({exc})") from exc
        if step.done:
            return
        yield step.value.to_bytes()
