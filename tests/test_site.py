"""The site that `make docs` builds: whole, without a dead link, and without a network."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

ROOT = Path(__file__).parents[1]
# Attributes by which a page has a browser load something.
LOADS = {("img", "src"), ("script", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")}
INDICES = {"genindex.html", "search.html", "py-modindex.html"}
PUBLIC = (
    "models.RTMPose", "simcc.encode", "simcc.decode", "simcc.flip", "simcc.transport",
    "geometry.box_to_center_scale", "geometry.crop_matrix", "skeletons.load", "skeletons.union",
    "scores.coco_ap", "scores.mpii_pckh", "logits.open",
)  # fmt: skip


class Page(HTMLParser):
    """What a page links to, loads and can be jumped to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = {""}
        self.text = path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id":
                self.ids.add(value or "")
            elif (tag, key) == ("a", "href"):
                self.links.append(value or "")
            elif (tag, key) in LOADS:
                self.loads.append(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(r"^docs: setup\n\tsphinx-build (.*) docs build/site$", makefile, re.MULTILINE)
    assert found is not None
    command = [sys.executable, "-m", "sphinx", *found[1].split(), str(ROOT / "docs"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def inside(path: Path, page: Page) -> Iterator[tuple[Path, str]]:
    """The files and places of the site that a page links to."""
    for link in page.links:
        target, fragment = urldefrag(link)
        if not urlparse(target).scheme:
            yield (path.parent / unquote(target)).resolve() if target else path, unquote(fragment)


def test_every_page_can_be_reached_from_the_first(site: Path, pages: dict[Path, Page]) -> None:
    wanted, seen = [site / "index.html"], set()
    while wanted:
        path = wanted.pop()
        if path in pages and path not in seen:
            seen.add(path)
            wanted += [target for target, _ in inside(path, pages[path])]
    assert {path for path in pages if path.name not in INDICES} <= seen
    sources = {
        p.relative_to(ROOT / "docs").with_suffix(".html") for p in (ROOT / "docs").rglob("*.md")
    }
    assert {site / name for name in sources} <= seen


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for target, fragment in inside(path, page):
            assert target.exists(), f"{path.name}: {target}"
            if target in pages:
                assert fragment in pages[target].ids, f"{path.name}: {target.name}#{fragment}"


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for asset in page.loads:
            assert not urlparse(asset).scheme, f"{path.name}: {asset}"
            assert not asset.startswith("//"), f"{path.name}: {asset}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text()), style


def test_formulas_are_drawn_by_the_browser_itself(pages: dict[Path, Page]) -> None:
    losses = next(page.text for path, page in pages.items() if path.name == "losses.html")
    assert losses.count('<math xmlns="http://www.w3.org/1998/Math/MathML"') > 10


def test_the_reference_has_every_key_script_and_public_name(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    keys = (site / "reference" / "configuration.html").read_text()
    for key in importlib.import_module("reruns").all_keys():
        assert f'<span class="pre">{key.rpartition(".")[2]}</span></code></p></td>' in keys, key
    stages = (site / "reference" / "stages.html").read_text()
    for script in (ROOT / "workflow_scripts").glob("*.py"):
        assert f"usage: {script.name}" in stages
    library = Page(site / "reference" / "library.html")
    assert {f"posecache.{name}" for name in PUBLIC} <= library.ids
