"""The gateway without telemetry: `python -m benchmarks.silent serve …`. The service has no such switch."""

import sys

from gateway import cli
from gateway.main import serving
from gateway.telemetry.telemetry import Telemetry

if __name__ == "__main__":
    serving.start_telemetry = lambda _settings: Telemetry.off()
    sys.exit(cli.main())
