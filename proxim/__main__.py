"""``python -m proxim`` is the command line."""

from proxim.cli import main

main()
