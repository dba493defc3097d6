"""Makes what is published and tries it out where there is no source: ``python -m tests.release``.

In ``dist/`` are then the source archive, the wheel, the npm package, the bill of materials
(CycloneDX), and the licences.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.release import bill, build, trial

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="only some end-to-end tests")
    quick = options.parse_args().quick
    began = time.monotonic()
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="proxim-release-") as name:
        work = Path(name)
        sdist, wheel = build.build(ROOT, dist, work)
        say(began, f"built {sdist.name} and {wheel.name}; the tree makes the same wheel")
        say(began, f"built {build.pack(ROOT, dist).name}, the npm package")
        environment = trial.install(wheel, work)
        rows = bill.write(environment, dist)
        say(began, f"{len(rows)} packages, all under licences that go with ours")
        trial.run(environment, sdist, work, quick=quick)
    say(began, "the end-to-end tests pass against the installed wheel")


def say(began: float, what: str) -> None:
    print(f"[{time.monotonic() - began:4.0f} s] {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
