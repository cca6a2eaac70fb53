"""`python -m gateway.settings > docs/configuration.md`."""

import sys

from gateway.settings.reference import reference

sys.stdout.write(reference())
