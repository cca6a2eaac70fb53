"""Which tenant a request is for, and what a caller can learn about the others: nothing."""

from zoneinfo import ZoneInfo

import pytest

from gateway.domain.errors import BadRequest, UnknownTenant
from gateway.domain.ids import TenantId
from gateway.domain.secrets import ApiToken, KeyDigest
from gateway.tenancy import ALL_TENANTS, Caller, Callers, Directory, InlineToken, Scope, Tenant

PLANTED = "pl4nted-s3cret"
ACME, BETA, GAMA = TenantId("acme"), TenantId("beta"), TenantId("gama")


def tenant(one: TenantId, *, token: str = PLANTED) -> Tenant:
    return Tenant(
        id=one,
        base_url=f"https://{one}.evolux.net.br",
        token=InlineToken(ApiToken(token)),
        timezone=ZoneInfo("America/Sao_Paulo"),
    )


def caller(*tenants: TenantId) -> Caller:
    return Caller(name="c", tenants=frozenset(tenants), scopes=frozenset(Scope))


EVERYWHERE = Caller(name="robot", tenants=ALL_TENANTS, scopes=frozenset(Scope))


@pytest.fixture
def directory() -> Directory:
    return Directory(tenants=[tenant(ACME), tenant(BETA)], callers=Callers([(KeyDigest.of("k"), EVERYWHERE)]))


@pytest.mark.parametrize("header", [None, "", " "])
def test_a_caller_of_one_tenant_need_not_name_it(directory: Directory, header: str | None) -> None:
    assert directory.resolve(caller(BETA), tenant_header=header) == tenant(BETA)


@pytest.mark.parametrize("who", [caller(ACME, BETA), EVERYWHERE])
def test_a_caller_of_several_tenants_must_name_one(directory: Directory, who: Caller) -> None:
    with pytest.raises(BadRequest) as caught:
        directory.resolve(who, tenant_header=None)
    assert caught.value.message == "Send X-Tenant: you may use more than one tenant."
    assert directory.resolve(who, tenant_header="acme") == tenant(ACME)
    assert directory.resolve(who, tenant_header=" beta ") == tenant(BETA)


def test_all_tenants_are_one_where_only_one_exists() -> None:
    assert Directory(tenants=[tenant(ACME)]).resolve(EVERYWHERE, tenant_header=None) == tenant(ACME)


@pytest.mark.parametrize("header", ["beta", "gama", "ACME", "*", "acme,beta", "acme\n/x"])
def test_a_tenant_of_somebody_else_is_answered_as_one_that_does_not_exist(
    directory: Directory, header: str
) -> None:
    with pytest.raises(UnknownTenant) as caught:
        directory.resolve(caller(ACME), tenant_header=header)
    assert caught.value.message == "There is no such tenant for you."


@pytest.mark.parametrize("header", [None, "gama"])
def test_a_caller_whose_tenants_are_gone_has_none(directory: Directory, header: str | None) -> None:
    with pytest.raises(UnknownTenant):
        directory.resolve(caller(GAMA), tenant_header=header)


def test_keys_are_those_of_the_callers(directory: Directory) -> None:
    assert directory.authenticate("k") is EVERYWHERE
    assert directory.authenticate("other") is None


def test_a_replacement_is_whole_and_says_what_changed(directory: Directory) -> None:
    before = directory.tenants
    kept = before[ACME]
    changed = directory.replace(
        tenants=[tenant(ACME), tenant(GAMA)], callers=Callers([(KeyDigest.of("k2"), EVERYWHERE)])
    )
    assert changed == {BETA, GAMA}
    assert set(directory.tenants) == {ACME, GAMA}
    assert directory.tenants[ACME] is kept
    assert set(before) == {ACME, BETA}
    assert directory.authenticate("k") is None
    assert directory.authenticate("k2") is EVERYWHERE


def test_another_token_is_a_change(directory: Directory) -> None:
    changed = directory.replace(tenants=[tenant(ACME, token="new"), tenant(BETA)], callers=Callers())
    assert changed == {ACME}
    assert directory.tenants[ACME].token.current() == ApiToken("new")


def test_the_tenants_cannot_be_changed_from_outside(directory: Directory) -> None:
    with pytest.raises(TypeError):
        directory.tenants[GAMA] = tenant(GAMA)  # type: ignore[index]
    assert set(directory.tenants) == {ACME, BETA}


def test_nothing_prints_a_token(directory: Directory) -> None:
    assert PLANTED not in repr(directory.tenants) + repr(directory)
