"""The ``__main__`` of a one-file application: unpacks it for as long as it runs, and runs it.

Compiled modules, of which Proxim needs one, cannot be imported out of an archive.
"""

import runpy
import sys
import tempfile
import zipfile

with tempfile.TemporaryDirectory() as folder:
    with zipfile.ZipFile(sys.argv[0]) as archive:
        archive.extractall(folder)
    sys.path.insert(0, f"{folder}/site")
    runpy.run_path(f"{folder}/program.py", run_name="__main__")
