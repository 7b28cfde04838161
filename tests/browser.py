"""Debian's Chromium, driven by Playwright: for tests and for the documentation's pictures."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "chromium"
PATIENCE = 600_000  # ms; what is waited for is a state, which a busy machine reaches late
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless browser; without Chromium the test is skipped."""
    path = shutil.which(CHROMIUM)
    if path is None:
        pytest.skip(f"no {CHROMIUM} here (Debian's package)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE)
        try:
            yield opened
        finally:
            opened.close()


class Watched:
    """A page, and whatever it asked for or complained about."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)
        self.asked: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.add(request.url.partition(":")[0]))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path.resolve().as_uri())
