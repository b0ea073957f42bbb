"""`python -m archwright` is the command `archwright`."""

from archwright.cli import main

main()
