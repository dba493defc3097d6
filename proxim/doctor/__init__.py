"""What a node needs of its surroundings, checked before it runs or while it does."""

from proxim.doctor.checks import run_checks
from proxim.doctor.result import CheckResult, Level

__all__ = ["CheckResult", "Level", "run_checks"]
