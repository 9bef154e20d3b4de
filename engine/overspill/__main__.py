"""`python -m overspill`: the same as the console script."""

from overspill.cli.main import main

main()
