"""Callers are known by the digest of their key and by nothing less."""

import hmac
from typing import get_args

import pytest

from gateway.domain import secrets
from gateway.domain.ids import TenantId
from gateway.domain.secrets import KeyDigest
from gateway.settings.tree import ScopeName
from gateway.tenancy import ALL_TENANTS, Caller, Callers, Scope

ACME, BETA = TenantId("acme"), TenantId("beta")
WALLBOARD = Caller(name="wallboard", tenants=frozenset({ACME}), scopes=frozenset({Scope.READ_AGENTS}))
ROBOT = Caller(name="robot", tenants=ALL_TENANTS, scopes=frozenset(Scope))
CALLERS = Callers([(KeyDigest.of("wallboard-key"), WALLBOARD), (KeyDigest.of("robot-key"), ROBOT)])


def test_a_key_gives_its_caller() -> None:
    assert CALLERS.authenticate("wallboard-key") is WALLBOARD
    assert CALLERS.authenticate("robot-key") is ROBOT


@pytest.mark.parametrize(
    "key",
    [
        "",
        "wallboard-ke",
        "wallboard-key ",
        "WALLBOARD-KEY",
        "é",
        "\ud800",
        KeyDigest.of("robot-key").reveal(),
    ],
)
def test_another_key_gives_nobody(key: str) -> None:
    assert CALLERS.authenticate(key) is None
    assert Callers().authenticate(key) is None


@pytest.mark.parametrize("key", ["wallboard-key", "robot-key", "nobodys-key"])
def test_every_digest_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Recording:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(secrets, "hmac", Recording)
    CALLERS.authenticate(key)
    asked = KeyDigest.of(key).reveal()
    assert compared == [
        (KeyDigest.of("wallboard-key").reveal(), asked),
        (KeyDigest.of("robot-key").reveal(), asked),
    ]


def test_a_caller_may_use_its_tenants_and_no_other() -> None:
    assert (WALLBOARD.may_use(ACME), WALLBOARD.may_use(BETA)) == (True, False)
    assert not WALLBOARD.may_use(TenantId("*"))
    assert ROBOT.may_use(BETA)


def test_a_scope_is_had_only_where_it_was_given() -> None:
    assert WALLBOARD.has(Scope.READ_AGENTS)
    assert not WALLBOARD.has(Scope.WRITE_AGENTS)


def test_the_settings_and_the_callers_know_the_same_scopes() -> None:
    assert {scope.value for scope in Scope} == set(get_args(ScopeName))
