"""Proxim brings two devices together for WebRTC, and only if a person says yes."""

try:
    from proxim._version import __version__ as __version__  # written by the build, from the tag
except ImportError:  # a source tree that nobody has built or installed
    __version__ = "0+unknown"
