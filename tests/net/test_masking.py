"""Unmasking in C, where the library is installed, and in Python."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import XorMaskerSimple

from proxim.net import masking

MASKS = st.binary(min_size=4, max_size=4)


@given(st.binary(max_size=600), MASKS)
def test_both_implementations_mask_as_wsproto_does(data, mask):
    expected = bytes(XorMaskerSimple(mask).process(data))
    assert masking.in_python(data, mask) == expected == masking.apply_mask(data, mask)


@given(st.binary(max_size=600), MASKS)
def test_masking_twice_restores_the_data(data, mask):
    assert masking.in_python(masking.in_python(data, mask), mask) == data


def test_the_library_is_used_if_it_is_installed():
    speedups = pytest.importorskip("websockets.speedups", reason="needs the extra `speed`")
    assert masking.apply_mask is speedups.apply_mask
    assert masking.IS_COMPILED


def test_python_code_is_used_without_the_library():
    program = (
        "import sys; sys.modules['websockets.speedups'] = None\n"
        "from proxim.net import frames, masking\n"
        "assert frames.apply_mask is masking.in_python and not masking.IS_COMPILED\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
