"""What was recognized under one configuration is nothing under the next."""

from typing import Any

import msgspec
import pytest

from gateway.settings import CacheSettings
from tests.integration.test_recognition import world
from tests.served import Plan, serving

ASKED = "{ agents(first: 1) { totalCount } queues { id } }"
ACME = {"X-Tenant": "acme"}


def _without_acme(settings: Any) -> Any:
    return msgspec.structs.replace(settings, tenants={"outra": settings.tenants["outra"]})


def _of_board(**changes: Any) -> Any:
    def change(settings: Any) -> Any:
        board = msgspec.structs.replace(settings.callers["board"], **changes)
        return msgspec.structs.replace(settings, callers={**settings.callers, "board": board})

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_without_acme, "UNKNOWN_TENANT"),
        (_of_board(tenants=("outra",)), "UNKNOWN_TENANT"),
        (_of_board(scopes=("gateway:status",)), "FORBIDDEN"),
        (_of_board(documents="require"), "PERSISTED_QUERY_REQUIRED"),
    ],
)
async def test_a_reload_ends_what_was_recognized(change: Any, code: str) -> None:
    plan = Plan(cache=CacheSettings(fresh_seconds=600))
    async with serving({"acme": world(), "outra": world("outra", agents=3)}, plan=plan) as (served, _):
        for _ in range(4):
            assert "errors" not in (await served.post(ASKED, headers=ACME)).json()
        settings = served.gateway._settings
        served.gateway.apply(change(settings))
        for _ in range(3):
            answer = (await served.post(ASKED, headers=ACME)).json()
            assert answer["errors"][0]["extensions"]["code"] == code
            assert not answer.get("data")
        served.gateway.apply(settings)
        assert (await served.ask(ASKED, headers=ACME))["agents"] == {"totalCount": 5}


async def test_a_tenant_that_moved_is_read_where_it_is_now() -> None:
    plan = Plan(cache=CacheSettings(fresh_seconds=600))
    async with serving({"acme": world(), "outra": world("outra", agents=3)}, plan=plan) as (served, _):
        for _ in range(4):
            assert (await served.ask(ASKED, headers=ACME))["agents"] == {"totalCount": 5}
        settings = served.gateway._settings
        tenants = {**settings.tenants, "acme": settings.tenants["outra"]}
        served.gateway.apply(msgspec.structs.replace(settings, tenants=tenants))
        for _ in range(4):
            assert (await served.ask(ASKED, headers=ACME))["agents"] == {"totalCount": 3}
