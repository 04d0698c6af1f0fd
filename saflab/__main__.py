"""`python -m saflab` is `saflab`."""

import sys

try:
    from saflab.cli import main

    status = main()
except KeyboardInterrupt:  # before `main` handles it
    status = 130
sys.exit(status)
