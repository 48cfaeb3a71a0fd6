# SPDX-License-Identifier: MIT
"""Take pictures of the page with a recorded answer: `python -m examples.relay.screenshot FOLDER`.

relay.png on a desktop in the light, relay-dark.png on a phone in the dark.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
from pathlib import Path
from typing import Any

import uvicorn
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from ssewire.claude import AsyncClaude
from ssewire.replay import Recording, ReplayServer

from .app import make_app

RECORDING = Recording.example("markdown")

# Name, colour scheme, and the size in pixels.
PICTURES = [("relay.png", "light", 860, 900), ("relay-dark.png", "dark", 390, 844)]


def take(url: str, folder: Path) -> None:
    """Ask the page on each screen, and save what it shows when the answer is whole."""
    options = webdriver.ChromeOptions()
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(switch)
    options.binary_location = shutil.which("chromium") or ""
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        for name, scheme, width, height in PICTURES:
            _set_screen(browser, scheme, width, height)
            browser.get(url)
            browser.find_element(By.ID, "prompt").send_keys("What is a stream?", Keys.ENTER)
            WebDriverWait(browser, 20).until(lambda it: it.find_elements(By.CLASS_NAME, "note"))
            browser.execute_script("document.querySelector('#turns').scrollTop = 0")
            browser.save_screenshot(str(folder / name))


def _set_screen(browser: Any, scheme: str, width: int, height: int) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


async def main(folder: Path) -> None:
    async with ReplayServer([RECORDING]) as upstream:
        claude = AsyncClaude(api_key="none", base_url=upstream.url)
        server = uvicorn.Server(uvicorn.Config(make_app(claude), port=0, log_level="warning"))
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, take, f"http://127.0.0.1:{port}/", folder)
        server.should_exit = True
        await serving
    for name, *_ in PICTURES:
        print(f"{folder / name}, {(folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.relay.screenshot")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    asyncio.run(main(parser.parse_args().folder))
