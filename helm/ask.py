# ruff: noqa: INP001, T201 - a program that a pod runs and whose words are read in its log
"""What `helm test` asks of the Service: ready, and closed to strangers."""

import os
import ssl
import urllib.error
import urllib.request

service = os.environ["SERVICE"]
trust = ssl._create_unverified_context() if service.startswith("https:") else None  # noqa: S323, SLF001 - its name is the cluster's
with urllib.request.urlopen(f"{service}/readyz", timeout=5, context=trust) as answer:  # noqa: S310 - the chart's own URL
    print("ready:", answer.read().decode())
try:
    urllib.request.urlopen(f"{service}/graphql?query=%7B__typename%7D", timeout=5, context=trust)  # noqa: S310 - as above
except urllib.error.HTTPError as refusal:
    print("a stranger gets", refusal.code)
    raise SystemExit(refusal.code != 401) from None  # noqa: PLR2004 - Unauthorized
raise SystemExit("a stranger was served")
