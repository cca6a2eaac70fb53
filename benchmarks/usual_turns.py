"""The gateway with Python's own turns of 5 ms: `python -m benchmarks.usual_turns serve …`."""

import sys

from gateway import cli
from gateway.main import serving

if __name__ == "__main__":
    serving.settle_turns = lambda: None
    sys.exit(cli.main())
