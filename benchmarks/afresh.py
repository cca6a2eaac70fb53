"""The gateway's command with less remembered: `python -m benchmarks.afresh answers|rows serve …`.

`answers`: no whole answer is remembered; `rows`: neither answers nor the bytes of rows, so that every
request runs its plan over all rows. The service itself has no such switch.
"""

import sys
from functools import partial

from gateway import cli
from gateway.main import edge
from gateway.schema.planning import build_executor

_FORGETS = {
    "answers": {"max_answer_bytes": 0},
    "rows": {"max_answer_bytes": 0, "max_fragment_bytes": 0},
}

if __name__ == "__main__":
    forgets = sys.argv.pop(1)
    edge.build_executor = partial(build_executor, **_FORGETS[forgets])
    sys.exit(cli.main())
