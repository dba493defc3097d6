"""The JavaScript tests of two connected devices: chat, files, calls, and Python at the other side.

They have a file of their own so that they run beside those in ``test_browser``.
"""

from pathlib import Path

import pytest

from tests.browser.test_browser import CONNECTED, needs_browser, packages, run  # noqa: F401


@needs_browser("Chromium")
@pytest.mark.parametrize("path", CONNECTED, ids=lambda path: path.name.removesuffix(".test.js"))
def test_connected_devices_in_chromium(path: Path) -> None:
    run("node", "--test", str(path))
