"""Request ids: taken from the caller where they are harmless, made where not, told in every answer."""

import re
from random import getrandbits

REQUEST_ID_HEADER = "X-Request-Id"

_HARMLESS = re.compile(r"[A-Za-z0-9._:/=+@-]{1,128}")


def request_id_of(header: str | None) -> str:
    """Take the caller's request id, or make one where it is missing or has unsafe characters."""
    if header is not None and _HARMLESS.fullmatch(header):
        return header
    return getrandbits(128).to_bytes(16, "big").hex()
