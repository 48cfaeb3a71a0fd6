"""The chat endpoint with FastAPI: `uvicorn examples.relay.with_fastapi:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from ssewire.asgi import EventResponse
from ssewire.claude import AsyncClaude

from .app import PAGE, Refused, answer, asked


def make_app(client: AsyncClaude | None = None) -> FastAPI:
    claude = client or AsyncClaude()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with claude:
            yield

    application = FastAPI(title="relay", lifespan=lifespan)

    @application.get("/", response_class=HTMLResponse)
    async def page() -> Response:
        return HTMLResponse(PAGE)

    @application.post("/api/chat")
    async def chat(request: Request) -> Response:
        # Not a parameter of a type: then FastAPI would read bodies of any size.
        try:
            messages = await asked(request.headers.get("content-type"), request.stream())
        except Refused as exc:
            return JSONResponse(exc.content, exc.status)
        return EventResponse(answer(claude, messages))

    return application


app = make_app()
