"""The version of this package, as the build wrote it from the tag."""

try:
    from proxim._version import __version__
except ImportError:  # The source tree was neither built nor installed.
    __version__ = "0+unknown"

__all__ = ["__version__"]
