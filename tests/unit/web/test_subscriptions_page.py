"""docs/subscriptions.md tells what the program does."""

import re
from pathlib import Path

from graphql import parse, validate

from gateway.settings import SubscriptionSettings
from gateway.web.socket_session import PROTOCOL, CloseCode
from tests.unit.schema.operations import SCHEMA

PAGE = (Path(__file__).parents[3] / "docs" / "subscriptions.md").read_text(encoding="utf-8")
TOO_BIG = 1009
"""WebSocket's own, of the server's library."""


def test_every_close_code_has_its_row() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert rows == {code.value for code in CloseCode} | {TOO_BIG}
    assert PROTOCOL in PAGE


def test_the_documents_shown_fit_the_schema() -> None:
    [block] = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
    [in_curl] = re.findall(r'"query": "(.*?)"\}', PAGE)
    for document in (block, in_curl):
        assert validate(SCHEMA, parse(document)) == []


def test_the_settings_named_exist_with_the_defaults_told() -> None:
    named = set(re.findall(r"`subscriptions\.(\w+)`", PAGE))
    assert named <= set(SubscriptionSettings.__struct_fields__)
    settings = SubscriptionSettings()
    for name in ("poll_seconds", "refresh_seconds", "keep_alive_seconds"):
        assert re.search(rf"{name}` \({getattr(settings, name):g}\)", PAGE), name
