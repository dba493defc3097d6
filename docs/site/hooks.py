"""What MkDocs does not do itself: navigation by folders, the README as home, links to source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

SITE = Path(__file__).parent
DOCS = SITE.parent
ROOT = DOCS.parent
PACKAGES = ROOT / "build/npm/node_modules"

#: What the theme would fetch from elsewhere when a page is read. With npm it is part of the site.
SCRIPTS = {
    "iframe-worker.js": PACKAGES / "iframe-worker/shim/index.js",
    "mermaid.js": PACKAGES / "@mermaid-js/tiny/dist/mermaid.tiny.js",
}

#: Section, folder, and the pages that come first in it; all others follow by their names.
SECTIONS = [
    (
        "How to",
        "howto",
        ["install", "browser", "own-page", "call", "embed", "deploy", "proxy", "tls"],
    ),
    ("Reference", "reference", ["protocol", "settings", "proxim-js", "python"]),
    ("Explanation", "explanation", ["architecture", "security"]),
]

#: Pages that the project keeps elsewhere, and where the site has them.
FROM_ROOT = {"index.md": "README.md", "changelog.md": "CHANGELOG.md"}

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s:]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Whatever lies in the folders is in the navigation; nobody has to enter a page."""
    project = [page.name for page in sorted(DOCS.glob("*.md")) if page.stem != "tutorial"]
    config.nav = [
        {"Home": "index.md"},
        {"Tutorial": "tutorial.md"},
        *({title: pages_of(folder, first)} for title, folder, first in SECTIONS),
        {"Project": [*project, {"Changelog": "changelog.md"}]},
    ]
    return config


def pages_of(folder: str, first: list[str]) -> list[str]:
    names = [page.stem for page in sorted((DOCS / folder).glob("*.md"))]
    names.sort(key=lambda name: first.index(name) if name in first else len(first))
    return [f"{folder}/{name}.md" for name in names]


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    for target, source in FROM_ROOT.items():
        files.append(File.generated(config, target, content=from_root(ROOT / source)))
    kept = {"icon.svg": ROOT / "proxim/web/pages/icon.svg", "site.css": SITE / "site.css"}
    kept |= {name: path for name, path in SCRIPTS.items() if path.exists()}
    for name, path in kept.items():
        files.append(File.generated(config, f"assets/{name}", abs_src_path=str(path)))
    return files


def from_root(page: Path) -> str:
    """The text of a page of the project's top folder, as it reads in docs/."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r'(\]\(|src=")(?!\w+:|#)(docs/)?', lambda m: m[1] + ("" if m[2] else "../"), text)


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: Any) -> str:
    """A link to a file that the site does not have, such as a module, becomes its text.

    That the file exists, a test of the pages sees.
    """
    folder = (DOCS / page.file.src_uri).parent

    def keep(link: re.Match[str]) -> str:
        path = (folder / link["target"].partition("#")[0]).resolve()
        source = path.relative_to(DOCS).as_posix() if path.is_relative_to(DOCS) else ""
        file = files.get_file_from_path(source)
        on_site = file is not None and file.inclusion.is_included()
        return link[0] if on_site or path == folder or not path.exists() else link["text"]

    return _LINK.sub(keep, markdown)


def on_post_page(output: str, *, page: Page, **_: Any) -> str:
    """Only the pages with a diagram load what draws it, which is three megabytes."""
    if 'class="mermaid"' not in output or not SCRIPTS["mermaid.js"].exists():
        return output
    up = "../" * page.file.dest_uri.count("/")
    return output.replace("</head>", f'<script src="{up}assets/mermaid.js"></script></head>', 1)
