"""Checks of the environment: ports, TLS, file descriptors, clock, STUN and TURN, Redis."""

from proxim.doctor.checks import run_checks
from proxim.doctor.result import CheckResult, Level

__all__ = ["CheckResult", "Level", "run_checks"]
