"""Run the fast tests with every Python from 3.11 on that this machine has.

``python -m tests.pythons [--others] [PYTEST_ARGUMENT ...]``: each interpreter gets an environment
of its own beside ``.venv``; with ``--others`` the version that runs this is left out. Interpreters
are looked for on PATH and where pyenv and uv put them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
OTHERS = "--others"
ROOT = Path(__file__).parent.parent
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def interpreter(version):
    """Return the path of a working interpreter of that version, or None."""
    name = f"python{version}"
    found = [shutil.which(name), *sorted(PYENV.glob(f"{version}.*/bin/{name}"), reverse=True)]
    uv = [str(Path(sys.executable).with_name("uv")), "python", "find", "--no-python-downloads"]
    asked = subprocess.run([*uv, "--system", version], capture_output=True, text=True, cwd="/")
    for path in (*found, asked.stdout.strip()):
        # A shim of pyenv's is on PATH, and fails, where its version is not the chosen one.
        if path and _output(path, "-c", ASK) == version:
            return str(path)
    return None


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main(arguments):
    """Print a line for each version; return 1 if the tests failed on any."""
    failed = []
    own = "{}.{}".format(*sys.version_info) if arguments[:1] == [OTHERS] else ""
    arguments = arguments[bool(own) :]
    for version in VERSIONS:
        if version == own:
            continue
        path = interpreter(version)
        if path is None:
            print(f"Python {version}: not found.", flush=True)
            continue
        print(f"Python {version}: {path}", flush=True)
        command = ["make", "test", f"PYTHON={path}", f"VENV=.venv-{version}"]
        if subprocess.run([*command, f"ARGS={' '.join(arguments)}"], cwd=ROOT).returncode:
            failed.append(version)
    if failed:
        print(f"The tests failed on Python {', '.join(failed)}.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
