"""The documentation as a site: it builds without a warning, stands alone, and holds together."""

import os
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

# Without npm the site would fetch what draws the diagrams.
pytestmark = [pytest.mark.full("mkdocs"), pytest.mark.needs("npm")]
ROOT = Path(__file__).parent.parent.parent

#: What a page loads when it is opened, as against what it leads to.
LOADING = {"script", "link", "img", "iframe", "source"}


class Reader(HTMLParser):
    """What a page points to, and what can be pointed to in it."""

    def __init__(self, page):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.update(filter(None, (values.get("id"), values.get("name"))))
        for name in ("href", "src"):
            if values.get(name):
                self.targets.append((tag, values[name]))


@pytest.fixture(scope="module")
def pages():
    done = subprocess.run(["make", "site"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    site = ROOT / "build" / "site"
    # The page for what is not found has absolute addresses, since it is shown anywhere.
    return {page: Reader(page) for page in site.rglob("*.html") if page.name != "404.html"}


def test_whatever_lies_in_the_folders_is_a_page(pages):
    site = ROOT / "build" / "site"
    built = {os.fspath(page.relative_to(site).with_suffix("")) for page in pages}
    folders = ("howto", "reference", "explanation")
    written = {
        f"{path.parent.name}/{path.stem}"
        for f in folders
        for path in (ROOT / "docs" / f).glob("*.md")
    }
    assert built == written | {"index", "tutorial", "changelog", "CONTRIBUTING", "SECURITY"}


def test_nothing_is_loaded_from_elsewhere(pages):
    for page, reader in pages.items():
        for tag, target in reader.targets:
            assert tag not in LOADING or not urlsplit(target).netloc, f"{page}: {target}"


def test_every_link_leads_to_a_file_and_a_place_in_it(pages):
    for page, reader in pages.items():
        for _, target in reader.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            file = file / "index.html" if file.is_dir() else file
            assert file.exists(), f"{page}: {target}"
            if parts.fragment and file in pages:
                assert unquote(parts.fragment) in pages[file].anchors, f"{page}: {target}"


def test_the_python_api_is_there_with_its_words(pages):
    page = next(page for page in pages if page.match("reference/python.html"))
    assert {"proximclientopen_host", "hostsessionsend"} <= pages[page].anchors
    text = page.read_text(encoding="utf-8")
    assert "Register with a node as" in text
    assert "::" not in text.replace("::before", ""), "a literal block of a docstring has stayed one"


def test_a_diagram_is_drawn_by_what_the_site_brings(pages):
    drawn = [page for page in pages if 'class="mermaid"' in page.read_text(encoding="utf-8")]
    assert drawn
    for page in drawn:
        assert any(target.endswith("assets/mermaid.js") for _, target in pages[page].targets), page
