# SPDX-License-Identifier: MIT
"""The chat endpoint with Starlette: `uvicorn examples.relay.with_starlette:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ssewire.asgi import EventResponse
from ssewire.claude import AsyncClaude

from .answering import answer
from .app import FILES, own_hosts
from .asking import Refused, asked, check_host, check_origin


def make_app(
    client: AsyncClaude | None = None, *, hosts: Collection[str] | None = None
) -> Starlette:
    claude = client or AsyncClaude()
    names = own_hosts() if hosts is None else hosts

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with claude:
            yield

    async def file(request: Request) -> Response:
        check_host(request.headers, names)
        found = FILES[request.url.path.removeprefix(request.scope.get("root_path", ""))]
        return Response(found.body, headers=found.headers)

    async def chat(request: Request) -> Response:
        check_host(request.headers, names)
        check_origin(request.headers, names)
        messages = await asked(request.headers, request.stream())
        return EventResponse(answer(claude, messages))

    async def refuse(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, Refused)
        return JSONResponse(exc.content, exc.status)

    routes = [*(Route(path, file) for path in FILES), Route("/api/chat", chat, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Refused: refuse})


app = make_app()
