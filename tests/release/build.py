"""Source archive and wheel, and what has to be in them."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

#: Tracked, and of no use to whoever has the archive.
_LEFT_OUT = (".ci/", ".github/")
#: Made by the build.
_MADE = {"PKG-INFO", "proxim/_version.py"}
_MANUAL = "data/share/man/man1/proxim.1"


def build(root: Path, dist: Path, work: Path) -> tuple[Path, Path]:
    """Build both into ``dist``, the wheel from the archive; the tree has to make the same wheel."""
    _uv_build(root, dist)  # the wheel is built from the archive
    _uv_build(root, work / "from-tree", "--wheel")
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    (again,) = (work / "from-tree").glob("*.whl")
    assert wheel.name == again.name, f"{wheel.name} from the archive, {again.name} from the tree"
    assert contents(wheel) == contents(again), "the archive makes another wheel than the tree"
    tracked = _tracked(root)
    _same(sdist_files(sdist), {n for n in tracked if not n.startswith(_LEFT_OUT)} | _MADE, sdist)
    # What is for the system and not for Python, the manual page, stands under ``.data/``.
    ours = {name.partition(".data/")[2] or name for name in contents(wheel)}
    ours = {name for name in ours if ".dist-info/" not in name}
    wanted = {n for n in tracked if n.startswith("proxim/")} | {"proxim/_version.py", _MANUAL}
    _same(ours, wanted, wheel)
    assert any(name.endswith("/licenses/LICENSE") for name in contents(wheel)), "no licence"
    return sdist, wheel


def build_wheel(root: Path, out: Path) -> Path:
    """Build the wheel of the tree."""
    _uv_build(root, out, "--wheel")
    (wheel,) = out.glob("*.whl")
    return wheel


def pack(root: Path, out: Path) -> Path:
    """Build the npm package of the browser SDK."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(out), str(root / "proxim/web")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    (package,) = out.glob("*.tgz")
    return package


def _uv_build(root: Path, out: Path, *options: str) -> None:
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", str(out), *options]
    subprocess.run([*command, str(root)], check=True, timeout=300)


def _tracked(root: Path) -> set[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    return set(listing.stdout.split("\0")) - {""}


def _same(found: set[str], wanted: set[str], archive: Path) -> None:
    assert found >= wanted, f"{archive.name} lacks {sorted(wanted - found)}"
    assert found <= wanted, f"{archive.name} has besides {sorted(found - wanted)}"


def sdist_files(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def contents(wheel: Path) -> dict[str, bytes]:
    """What is in a wheel; its own list of hashes apart, which follows from it."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")
        }
