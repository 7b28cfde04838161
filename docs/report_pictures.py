"""Make docs/report.jpg and docs/report-tables.jpg: parts of a report page, as a browser shows them.

Needs the demo's page (`snakemake report_page`), Playwright, and Chromium on the path.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
QUALITY, MARGIN = 82, 16  # JPEG, px
Scheme = Literal["light", "dark"]


def taken(
    browser: Browser, page: Path, scheme: Scheme, width: int, choose: Mapping[str, str], until: str
) -> bytes:
    """A PNG file of the section in which the element `until` stands, as far as to its end, once a
    choice is made in lists of the inspector."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.resolve().as_uri())
    for name, label in choose.items():
        tab.select_option(f"#{name}", label=label)
    last = tab.locator(until)
    section, end = last.locator("xpath=ancestor::section").bounding_box(), last.bounding_box()
    assert section is not None
    assert end is not None
    section["height"] = end["y"] + end["height"] + MARGIN - section["y"]
    picture = tab.screenshot(clip=section, full_page=True)
    context.close()
    return picture


def save(png: bytes, out: Path) -> None:
    """Write a picture as a JPEG file."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    cv2.imwrite(str(out), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, default=Path("results/report/index.html"))
    parser.add_argument("--person", required=True, help="as the inspector's list has it")
    parser.add_argument("--keypoint", default="left wrist")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: no chromium on the path")
    choose = {"person": given.person, "keypoint": given.keypoint}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        inspector = taken(browser, given.page, "dark", 1180, choose, "#figure")
        save(inspector, given.out / "report.jpg")
        tables = taken(browser, given.page, "light", 1460, {}, "#table1")
        save(tables, given.out / "report-tables.jpg")
        browser.close()


if __name__ == "__main__":
    main()
