"""A machine that sleeps, for tests with a mock clock."""

from proxim import clock


def sleeper(monkeypatch):
    """Return a function that has the machine sleep for so many seconds."""
    total = [5000.0]
    clocks = {clock._COUNTING: lambda: 90_000 + total[0], clock._STANDING: lambda: 90_000}
    monkeypatch.setattr(clock, "_gettime", lambda name: clocks[name]())
    monkeypatch.setattr(clock, "_sleep", clock._Sleep())

    def sleep(seconds):
        total[0] += seconds

    return sleep
