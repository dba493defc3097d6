import re
import subprocess

import pytest

from tests.sealing.sides import JavaScript, Python


@pytest.fixture(scope="session")
def javascript():
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    if int(re.search(r"\d+", version)[0]) < 20:
        pytest.skip(f"node is {version.strip()}, and 20 or later is needed")
    sdk = JavaScript()
    yield sdk
    sdk.close()


@pytest.fixture(
    params=[
        "Python Python",
        pytest.param("Python JavaScript", marks=pytest.mark.needs("node")),
        pytest.param("JavaScript Python", marks=pytest.mark.needs("node")),
        pytest.param("JavaScript JavaScript", marks=pytest.mark.needs("node")),
    ]
)
def sdks(request):
    """The SDK of the host, and that of the guest."""
    return tuple(
        Python() if name == "Python" else request.getfixturevalue("javascript")
        for name in request.param.split()
    )


@pytest.fixture(params=["Python", pytest.param("JavaScript", marks=pytest.mark.needs("node"))])
def sdk(request):
    return Python() if request.param == "Python" else request.getfixturevalue("javascript")
