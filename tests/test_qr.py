import io
import re
import subprocess
from xml.etree import ElementTree

import pyte
import pytest
from PIL import Image, ImageDraw

from proxim import qr

LINK = "https://node.example/join#" + "s" * 22 + "." + "T0ken-_" * 6
LONG = "https://" + "long." * 60 + "example/join#" + "s" * 22 + "." + "t" * 43
BLOCKS = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}
SCALE = 6

scanner = pytest.mark.needs("zbarimg")


def scan(image, path):
    """Return what a scanner reads from an image."""
    image.save(path)
    command = ["zbarimg", "--quiet", "--raw", "--nodbus", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.removesuffix("\n")


def photograph(text, surroundings):
    """Return an image of a terminal with the text."""
    lines = text.split("\n")
    screen = pyte.Screen(200, len(lines) + 4)
    pyte.Stream(screen).feed("\r\n" + "\r\n".join(lines))
    image = Image.new("RGB", (screen.columns * SCALE, screen.lines * 2 * SCALE), surroundings)
    draw = ImageDraw.Draw(image)
    for row in range(screen.lines):
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            for half, inked in enumerate(BLOCKS[cell.data]):
                colour = cell.fg if inked else cell.bg
                if colour != "default":
                    x, y = column * SCALE, (row * 2 + half) * SCALE
                    draw.rectangle((x, y, x + SCALE - 1, y + SCALE - 1), fill=f"#{colour}")
    return image


@scanner
@pytest.mark.parametrize("link", [LINK, LONG])
def test_png_can_be_scanned(tmp_path, link):
    image = Image.open(io.BytesIO(qr.png(link, module_pixels=5)))
    assert scan(image, tmp_path / "code.png") == link


def test_png_has_the_module_size_and_a_margin_of_four():
    image = Image.open(io.BytesIO(qr.png(LINK, module_pixels=7))).convert("L")
    assert image.width % 7 == 0
    assert Image.eval(image, lambda light: 255 - light).getbbox() == (
        (28, 28, image.width - 28, image.height - 28)
    )


@scanner
@pytest.mark.parametrize("surroundings", ["black", "white", "#002b36"])
@pytest.mark.parametrize("link", [LINK, LONG])
@pytest.mark.parametrize("quiet_zone", [4, 2, 1])
def test_terminal_code_can_be_scanned_in_any_colours(tmp_path, link, surroundings, quiet_zone):
    shown = "\n".join(qr.TerminalCode(link).lines(quiet_zone))
    assert scan(photograph(shown, surroundings), tmp_path / "code.png") == link


@pytest.mark.parametrize("half_blocks", [True, False])
@pytest.mark.parametrize("quiet_zone", [4, 2, 1])
def test_terminal_code_has_the_size_that_it_says(half_blocks, quiet_zone):
    code = qr.TerminalCode(LINK, half_blocks=half_blocks)
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in code.lines(quiet_zone)]
    assert {(len(line), len(lines)) for line in lines} == {code.size(quiet_zone)}


def test_terminal_code_sets_and_resets_colours():
    for line in qr.TerminalCode(LINK).lines():
        screen = pyte.Screen(len(line) + 1, 1)
        pyte.Stream(screen).feed(line + "x")
        *code, after = [screen.buffer[0][column] for column in range(screen.cursor.x)]
        assert {(cell.fg, cell.bg) for cell in code} == {("000000", "ffffff")}
        assert {cell.data for cell in code} <= set(BLOCKS)
        assert (after.fg, after.bg) == ("default", "default")


def paint(document, backdrop):
    """Return an image of an SVG that consists of rectangles."""
    root = ElementTree.fromstring(document)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    side = int(root.get("viewBox").split()[2])
    image = Image.new("RGB", (side * SCALE, side * SCALE), backdrop)
    draw = ImageDraw.Draw(image)
    for part in root:
        if part.tag.endswith("rect"):
            assert (part.get("width"), part.get("height")) == ("100%", "100%")
            draw.rectangle((0, 0, *image.size), fill=part.get("fill"))
            continue
        drawn = part.get("d")
        square = re.compile(r"M(\d+),(\d+)H(\d+)V(\d+)H(\d+)z")
        assert square.sub("", drawn) == ""
        for left, top, right, bottom, back in (map(int, move) for move in square.findall(drawn)):
            assert left == back
            corners = (left, top, right, bottom)
            x, y, beyond_x, beyond_y = (each * SCALE for each in corners)
            draw.rectangle((x, y, beyond_x - 1, beyond_y - 1), fill=part.get("fill"))
    return image


@scanner
@pytest.mark.parametrize("backdrop", ["white", "black"])
def test_svg_can_be_scanned_on_any_page(tmp_path, backdrop):
    assert scan(paint(qr.svg(LINK), backdrop), tmp_path / "code.png") == LINK


def test_files_have_the_same_modules():
    png = Image.open(io.BytesIO(qr.png(LINK, module_pixels=SCALE))).convert("L")
    assert paint(qr.svg(LINK), "white").convert("L").tobytes() == png.tobytes()
