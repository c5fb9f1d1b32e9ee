"""`python -m imggen` is `imggen`."""

from imggen.cli import main

main()
