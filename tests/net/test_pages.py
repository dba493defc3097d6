import gzip
import json
import posixpath
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import pytest
from PIL import Image

from proxim.net import pages
from tests.net.helpers import MemoryNode, get, parse, read_all, request

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "proxim" / "web"
PAGES = WEB / "pages"
PATHS = pages.paths()
SDK = pages.module_at(WEB / "proxim.js")
SDK_PATHS = {
    "/proxim.js",
    "/sdk/known/index.js",
    "/sdk/seal/ed25519.js",
    "/sdk/seal/index.js",
    "/sdk/seal/qr.js",
    "/vendor/ed25519.js",
    "/vendor/seal.js",
    "/vendor/qr.js",
}
"""What pages of other origins may import; only a sealed session loads all but the first."""


async def fetch(memory_node, path, **headers):
    """Return the response, and its body unchanged."""
    stream = memory_node.plug()
    fields = {"Host": "node"} | {name.replace("_", "-"): value for name, value in headers.items()}
    await stream.send_all(request("GET", path, headers=fields))
    raw = await read_all(stream)
    return parse(raw), raw.partition(b"\r\n\r\n")[2]


def words(body):
    """Return a page or a style sheet without its comments, and without white space that is free."""
    text = re.sub(rb"/\*.*?\*/", b"", body, flags=re.DOTALL)
    return re.sub(rb"\s*([{};,])\s*", rb"\1", text).split()


def test_named_paths_are_served():
    assert {"/", "/join", "/proxim.js", "/web/style.css", "/web/host.js"} <= {*PATHS}


@pytest.mark.parametrize("path", PATHS)
async def test_every_file_is_served_unchanged_with_its_headers(memory_node, path):
    answer, body = await fetch(memory_node, path)
    is_sdk = path in SDK_PATHS
    if path in ("/proxim.js", "/sdk/known/index.js", "/sdk/seal/index.js"):
        assert body == pages.module_at(WEB / path[1:])
    elif path in ("/web/host.js", "/web/join.js"):
        assert body == pages.module_at(PAGES / path.removeprefix("/web/"))
    elif is_sdk:
        assert body == (WEB / path[1:]).read_bytes()
    else:
        named = {"/": "host.html", "/join": "join.html"}
        file = PAGES / named.get(path, path.removeprefix("/web/"))
        if file.suffix in (".css", ".html"):
            assert words(body) == words(file.read_bytes())
            assert len(body) < file.stat().st_size
        else:
            assert body == file.read_bytes()
    assert answer.status == 200
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
    policy = dict(
        each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "deny"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    policy = "cross-origin" if is_sdk else "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == policy
    assert answer.headers.get("access-control-allow-origin") == ("*" if is_sdk else None)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/join", "text/html; charset=utf-8"),
        ("/proxim.js", "text/javascript; charset=utf-8"),
        ("/web/style.css", "text/css; charset=utf-8"),
        ("/web/icon.svg", "image/svg+xml"),
        ("/web/icon-192.png", "image/png"),
        ("/web/proxim.webmanifest", "application/manifest+json"),
    ],
)
async def test_file_has_its_content_type(memory_node, path, kind):
    assert (await fetch(memory_node, path))[0].headers["content-type"] == kind


@pytest.mark.parametrize("known", ["{tag}", 'W/{tag}, "other"', '"other", {tag}', "*"])
async def test_known_version_gets_304_without_a_body(memory_node, known):
    tag = (await fetch(memory_node, "/"))[0].headers["etag"]
    answer, body = await fetch(memory_node, "/", If_None_Match=known.format(tag=tag))
    assert (answer.status, body) == (304, b"")
    assert answer.headers["etag"] == tag
    assert "content-length" not in answer.headers


async def test_other_version_gets_the_file(memory_node):
    assert (await fetch(memory_node, "/", If_None_Match='"other"'))[0].status == 200


@pytest.mark.parametrize("coding", ["gzip", "br, GZIP;q=0.5", "deflate, gzip; q=1"])
async def test_file_is_compressed_if_the_client_accepts_gzip(memory_node, coding):
    answer, body = await fetch(memory_node, "/proxim.js", Accept_Encoding=coding)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    assert gzip.decompress(body) == SDK
    plain, _ = await fetch(memory_node, "/proxim.js")
    assert plain.headers["vary"] == "accept-encoding"
    assert plain.headers["etag"] != answer.headers["etag"]


@pytest.mark.parametrize("coding", ["", "br", "gzip;q=0", "gzip; q=0.000", "xgzip"])
async def test_file_is_plain_if_the_client_does_not_accept_gzip(memory_node, coding):
    answer, body = await fetch(memory_node, "/proxim.js", Accept_Encoding=coding)
    assert "content-encoding" not in answer.headers
    assert body == SDK


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web",
        "/web/package.json",
        "/web/tsconfig.json",
        "/web/proxim.d.ts",
        "/web/../settings.py",
        "/web/host.html",
        "/web/proxim.js",
        "/web/sdk/host.js",
        "/web/stage.js",
        "/sdk/host.js",
        "/web//host.js",
        "/host.js",
    ],
)
async def test_other_paths_are_not_found(memory_node, path):
    assert (await memory_node.ask(get(path))).status == 404


def test_joined_module_has_imports_first_each_module_once_and_no_comment(tmp_path):
    (tmp_path / "sdk").mkdir()
    modules = {
        "entry.js": '// Entry\nexport { b } from "./sdk/b.js";\nexport { A } from "./sdk/a.js";\n',
        "sdk/a.js": 'import { c } from "./c.js";\n\nexport class A {}\n',
        "sdk/b.js": 'import {\n  A,\n} from "./a.js";\nimport { c } from "./c.js";\n'
        "export async function b() {}\n",
        "sdk/c.js": '/** @import { A } from "./a.js" */\n'
        "/** C\n * @type {1}\n */\nexport const c = 1;\n  // More\nfunction export_() {}\n"
        "/** @type {any} */ (c).x = 2; /* a */\nlet url = 'https://a'; // kept\n",
    }
    for name, text in modules.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    joined = pages.join_modules(tmp_path / "entry.js").decode()
    assert re.sub(r"\n+", "\n", joined).lstrip() == (
        "const c = 1;\nfunction export_() {}\n"
        "/** @type {any} */ (c).x = 2; /* a */\nlet url = 'https://a'; // kept\n"
        "class A {}\nasync function b() {}\nexport { b, A };\n"
    )


def test_joined_module_imports_vendored_and_late_modules_from_where_it_stands(tmp_path):
    (tmp_path / "sdk").mkdir()
    (tmp_path / "vendor").mkdir()
    modules = {
        "vendor/v.js": "export const v = 1;\n",
        "entry.js": 'export { a } from "./sdk/a.js";\n',
        "sdk/a.js": 'import { v } from "./v.js";\nexport const a = () => import("./late/b.js");\n',
        "sdk/v.js": 'export {\n  v,\n} from "../vendor/v.js";\n',
    }
    for name, text in modules.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    joined = pages.join_modules(tmp_path / "entry.js").decode()
    assert re.sub(r"\n+", "\n", joined).lstrip() == (
        'import { v } from "./vendor/v.js";\n'
        'const a = () => import("./sdk/late/b.js");\nexport { a };\n'
    )


def test_joined_page_imports_once_what_several_modules_take_from_outside(tmp_path):
    (tmp_path / "web").mkdir()
    modules = {
        "host.js": 'import { Host, Guest } from "../proxim.js";\n'
        'import { a } from "./a.js";\na();\n',
        "a.js": 'import { Guest } from "../proxim.js";\nexport let a = Guest;\n',
    }
    for name, text in modules.items():
        (tmp_path / "web" / name).write_text(text, encoding="utf-8")
    joined = pages.join_modules(tmp_path / "web" / "host.js").decode()
    assert re.sub(r"\n+", "\n", joined) == (
        'import { Guest, Host } from "../proxim.js";\nlet a = Guest;\na();\n'
    )


@pytest.mark.parametrize(
    "entry",
    ["proxim.js", "sdk/known/index.js", "sdk/seal/index.js", "web/host.js", "web/join.js"],
)
def test_what_a_joined_module_imports_is_served(entry):
    text = pages.join_modules(WEB / entry.replace("web/", "pages/")).decode()
    targets = re.findall(
        r"""^import \{[^}]*\} from "(.+)"|\bimport\("(.+?)"\)""", text, re.MULTILINE
    )
    assert targets
    for either in targets:
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(entry), "".join(either)))
        assert path in pages.paths()
    names = re.findall(r"^(?:async )?(?:class|const|function|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len({*names})


def test_sdk_is_served_as_one_module():
    text = SDK.decode()
    assert not re.search(r"^import\b|^export .* from ", text, re.MULTILINE)
    modules = {path.name for path in (WEB / "sdk").glob("*.js")}
    assert modules - {"types.js"} == {
        Path(target).name for target in re.findall(r'from "(\./.+)"', _sdk_sources())
    }


def _sdk_sources():
    paths = [WEB / "proxim.js", *(WEB / "sdk").glob("*.js")]
    texts = "".join(path.read_text(encoding="utf-8") for path in paths)
    return re.sub(r"/\*\* @import .*", "", texts)


def test_indentation_is_no_part_of_a_text():
    for path in [*(WEB / "sdk").rglob("*.js"), *PAGES.glob("*.js"), WEB / "proxim.js"]:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.lstrip().startswith(("//", "*", "/*")) or line.count("`") % 2 == 0, path


def test_served_module_is_the_joined_one_without_types_and_indentation(tmp_path):
    entry = tmp_path / "a.js"
    entry.write_text(
        "export function a() {\n  // Why.\n\n  return /** @type {any} */ (1);\n}\n",
        encoding="utf-8",
    )
    assert pages.module_at(entry) == b"function a() {\nreturn (1);\n}\n"


@pytest.mark.parametrize("page", ["host.html", "join.html"])
def test_pages_have_no_inline_script_or_style_and_no_other_origin(page):
    text = (PAGES / page).read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", text)
    for target in re.findall(r'(?:src|href)="([^"]+)"', text):
        # Not from the root: a proxy may serve the node under a path.
        assert not target.startswith("/")
        assert urljoin("/", target) in PATHS


def test_modules_of_the_pages_are_in_one_of_the_two_scripts():
    scripts = "".join(pages.join_modules(PAGES / name).decode() for name in ("host.js", "join.js"))
    for path in PAGES.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert " as " not in "".join(re.findall(r"^import .*", text, re.MULTILINE)), path.name
        for name in re.findall(r"^export .*?(\w+) ?(?:\(|=|\{|extends)", text, re.MULTILINE):
            assert re.search(rf"^(?:async )?(?:const|let|class|function) {name}\b", scripts, re.M)


def test_pages_never_turn_text_into_markup():
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser"
    for path in WEB.rglob("*.js"):
        assert not re.search(ways, path.read_text(encoding="utf-8")), path.name


def test_icons_of_a_home_screen_are_drawn_as_the_manifest_says():
    manifest = json.loads((PAGES / "proxim.webmanifest").read_text(encoding="utf-8"))
    assert manifest["theme_color"] == "#2f5bea"
    drawn = [each for each in manifest["icons"] if each["type"] == "image/png"]
    assert drawn
    for icon in drawn:
        with Image.open(PAGES / icon["src"]) as image:
            width, height = image.size
            corner, disc = (
                image.convert("RGB").getpixel(at) for at in ((0, 0), (width // 3, width // 2))
            )
        assert icon["sizes"] == f"{width}x{height}"
        assert (corner, disc) == ((0x2F, 0x5B, 0xEA), (255, 255, 255))


def test_npm_package_has_the_version_of_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)[1]
    assert json.loads((WEB / "package.json").read_text(encoding="utf-8"))["version"] == newest


@pytest.mark.release("building the wheel")
def test_wheel_has_every_file(tmp_path):
    build = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=600)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {*archive.namelist()}
    files = {path for path in WEB.rglob("*") if path.is_file()}
    assert {path.relative_to(ROOT).as_posix() for path in files} <= packed


# -- links and addresses as people and scanners write them ---------------------------------------


@pytest.mark.parametrize("path", ["/join?fbclid=x", "/join?", "/join?utm_source=a&b=%23"])
async def test_the_guest_page_is_served_whatever_the_query(memory_node, path):
    answer, body = await fetch(memory_node, path)
    assert answer.status == 200
    assert words(body) == words((PAGES / "join.html").read_bytes())


@pytest.mark.parametrize("path", ["/join/", "/join/?x=1"])
async def test_the_guest_page_with_a_slash_leads_to_the_page(memory_node, path):
    answer, _ = await fetch(memory_node, path)
    assert (answer.status, answer.headers["location"]) == (308, "../join")
    assert urljoin("https://node.example/base/join/", "../join") == "https://node.example/base/join"


@pytest.mark.parametrize(
    "path", ["/join%23", "/join%23ID.TOKEN?x=1", "/join%2523A.B", "/join/%23A"]
)
async def test_a_link_that_a_scanner_spoiled_gets_a_page_that_says_so(memory_node, path):
    answer, body = await fetch(memory_node, path)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"The scanner changed the link" in body
    assert b"ID" not in body
    assert b'href="/web/style.css"' in body
    assert (await memory_node.ask(get(path, "POST"))).status == 405


@pytest.fixture
def below(nursery):
    """A node below a path, whose proxy removes the path from requests, or does not."""
    return MemoryNode(nursery, url="https://node.example/pair")


async def test_unknown_path_leads_a_browser_to_the_start_and_tells_other_programs_in_a_line(
    below, memory_node
):
    page = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
    for node, path, start in (
        (memory_node, "/foo/bar", b'<a href="/">'),
        (below, "/pair/foo", b'<a href="/pair/">'),
    ):
        answer, body = await fetch(node, path, Accept=page)
        assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert start in body
        answer, body = await fetch(node, path, Accept="*/*")
        assert (answer.status, body) == (404, b"Not found.\n")


@pytest.mark.parametrize("path", ["/pair", "/pair?x=1"])
async def test_the_path_of_the_node_without_a_slash_leads_to_the_host_page(below, path):
    answer, _ = await fetch(below, path)
    assert (answer.status, answer.headers["location"]) == (308, "/pair/")


@pytest.mark.parametrize("path", ["/", "/join", "/proxim.js", "/web/host.js", "/healthz"])
async def test_a_node_below_a_path_is_served_with_and_without_it(below, path):
    plain, body = await fetch(below, path)
    prefixed, same = await fetch(below, f"/pair{path}")
    assert (plain.status, prefixed.status, body) == (200, 200, same)
    async with below.plug() as stream:
        await stream.send_all(request(path="/pair/ws", Host="node.example"))
        assert b" 101 " in await stream.receive_some()


@pytest.mark.parametrize("page", ["/", "/join"])
async def test_a_page_below_a_path_refers_to_its_files_absolutely(below, page):
    _, body = await fetch(below, page)
    references = re.findall(r'(?:src|href)="([^"]+)"', body.decode())
    assert len(references) > 4
    assert {each.partition("/pair/")[0] for each in references} == {""}
    for each in references:
        assert (await fetch(below, each))[0].status == 200


@pytest.mark.parametrize("path", ["/pairing", "/pair/pair/", "/pai", "/pair//"])
async def test_another_path_beside_the_node_is_not_found(below, path):
    assert (await fetch(below, path))[0].status == 404
