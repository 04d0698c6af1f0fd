"""`python -m saflab` is `saflab`."""

import sys

from saflab.cli import main

sys.exit(main())
