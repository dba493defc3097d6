import subprocess
import sys

from proxim.extras import how_to_install

WITHOUT = """
import sys
sys.modules["cryptography"] = None
from proxim.cli import main
main()
"""


def test_missing_library_of_the_store_is_named(tmp_path):
    store = ("--store", f"sqlite://{tmp_path}/a.db", "--store-key", "k" * 32)
    command = [sys.executable, "-c", WITHOUT, "serve", "--port", "0", *store]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert f"store needs the extra store: {how_to_install('store')}" in told


def test_libraries_are_not_imported_without_a_store():
    look = (
        "import sys, proxim.node, proxim.settings; proxim.node.Node(); "
        "ours = ('proxim.backends.sqlite.', 'sqlite3'); "
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
