"""Take a picture of the page with a recorded answer: `python -m examples.relay.screenshot FILE`."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from pathlib import Path

import uvicorn
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from ssewire.claude import AsyncClaude
from ssewire.replay import ReplayServer

from .app import make_app

RECORDING = Path(__file__).parent.parent / "recordings" / "hello.sse"


def take(url: str, file: Path) -> None:
    """Ask the page, and save what it shows when the answer is whole."""
    options = webdriver.ChromeOptions()
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=760,480",
        "--hide-scrollbars",
    ):
        options.add_argument(switch)
    options.binary_location = shutil.which("chromium") or ""
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        browser.get(url)
        browser.find_element(By.ID, "prompt").send_keys("What is a stream?", Keys.ENTER)
        WebDriverWait(browser, 20).until(lambda it: it.find_elements(By.CLASS_NAME, "note"))
        browser.save_screenshot(str(file))


async def main(file: Path) -> None:
    async with ReplayServer([RECORDING]) as upstream:
        claude = AsyncClaude(api_key="none", base_url=upstream.url)
        server = uvicorn.Server(uvicorn.Config(make_app(claude), port=0, log_level="warning"))
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, take, f"http://127.0.0.1:{port}/", file)
        server.should_exit = True
        await serving
    print(f"{file}, {file.stat().st_size} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.relay.screenshot")
    parser.add_argument("file", type=Path, metavar="FILE")
    asyncio.run(main(parser.parse_args().file))
