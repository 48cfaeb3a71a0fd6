"""The chat endpoint with Starlette: `uvicorn examples.relay.with_starlette:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ssewire.asgi import EventResponse
from ssewire.claude import AsyncClaude

from .app import PAGE, Refused, answer, asked


def make_app(client: AsyncClaude | None = None) -> Starlette:
    claude = client or AsyncClaude()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with claude:
            yield

    async def page(request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def chat(request: Request) -> Response:
        try:
            messages = await asked(request.headers.get("content-type"), request.stream())
        except Refused as exc:
            return JSONResponse(exc.content, exc.status)
        return EventResponse(answer(claude, messages))

    routes = [Route("/", page), Route("/api/chat", chat, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan)


app = make_app()
