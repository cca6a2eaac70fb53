import inspect
from collections import Counter

import pytest

from gateway.domain import errors
from gateway.domain.errors import (
    AgentOnCall,
    ErrorCode,
    Failure,
    GatewayError,
    OutcomeUnknown,
    Refusal,
    UpstreamTimeout,
    error_classes,
)

REFUSALS = {
    "BAD_USER_INPUT",
    "AGENT_NOT_FOUND",
    "PAUSE_NOT_FOUND",
    "QUEUE_NOT_FOUND",
    "LOGIN_TAKEN",
    "AGENT_ALREADY_PAUSED",
    "AGENT_NOT_PAUSED",
    "AGENT_NOT_LOGGED_IN",
    "AGENT_ON_CALL",
    "UPSTREAM_REFUSED",
}


def test_each_code_is_owned_by_exactly_one_class() -> None:
    owners = Counter(owner.code for owner in error_classes())
    assert owners == Counter(ErrorCode)


def test_the_catalogue_lists_every_class_of_the_module() -> None:
    concrete = {
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, GatewayError) and each not in (GatewayError, Refusal, Failure)
    }
    owners = {each for each in concrete if "code" in vars(each)}
    assert set(error_classes()) == owners
    assert {each.__base__ for each in concrete - owners} <= owners  # a special case of an owner has its code


def test_a_code_is_spelt_as_it_is_named() -> None:
    assert all(code.name == code.value for code in ErrorCode)


def test_refusals_and_failures_are_as_the_catalogue_says() -> None:
    refusals = {owner.code.value for owner in error_classes() if issubclass(owner, Refusal)}
    assert refusals == REFUSALS
    assert not any(issubclass(owner, Refusal) and issubclass(owner, Failure) for owner in error_classes())


def test_what_may_have_happened_is_never_called_retryable() -> None:
    assert not OutcomeUnknown.retryable
    assert UpstreamTimeout.retryable
    assert AgentOnCall.retryable


@pytest.mark.parametrize("owner", list(error_classes()))
def test_an_error_carries_what_it_is_given_and_nothing_else(owner: type[GatewayError]) -> None:
    bare = owner("No.")
    assert (str(bare), bare.message) == ("No.", "No.")
    assert (bare.field, bare.retry_after_seconds, bare.upstream_status) == (None, None, None)
    full = owner("No.", field=("first",), retry_after_seconds=1.5, upstream_status=422)
    assert (full.field, full.retry_after_seconds, full.upstream_status) == (("first",), 1.5, 422)
