"""Python imports this by its name at the start of each process whose PYTHONPATH leads here."""

import os

if "HIDDEN_SYSTEM" in os.environ:
    import hidden

    hidden.hide(os.environ["HIDDEN_SYSTEM"])
