# SPDX-License-Identifier: MIT
"""The chat endpoint with FastAPI: `uvicorn examples.relay.with_fastapi:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from ssewire.asgi import EventResponse
from ssewire.claude import AsyncClaude

from .answering import answer
from .app import FILES, own_hosts
from .asking import Refused, asked, check_host, check_origin


def make_app(client: AsyncClaude | None = None, *, hosts: Collection[str] | None = None) -> FastAPI:
    claude = client or AsyncClaude()
    names = own_hosts() if hosts is None else hosts

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with claude:
            yield

    # Without its pages of documentation, which load scripts from elsewhere.
    application = FastAPI(title="relay", lifespan=lifespan, openapi_url=None)

    @application.get("/")
    @application.get("/{name}")
    async def file(request: Request) -> Response:
        check_host(request.headers, names)
        found = FILES.get("/" + request.path_params.get("name", ""))
        if found is None:
            raise Refused(404, "not_found_error", "There is nothing here.")
        return Response(found.body, headers=found.headers)

    @application.post("/api/chat")
    async def chat(request: Request) -> Response:
        check_host(request.headers, names)
        check_origin(request.headers, names)
        # Not a parameter of a type: then FastAPI would read bodies of any size.
        messages = await asked(request.headers, request.stream())
        return EventResponse(answer(claude, messages))

    @application.exception_handler(Refused)
    async def refuse(_: Request, exc: Refused) -> Response:
        return JSONResponse(exc.content, exc.status)

    return application


app = make_app()
