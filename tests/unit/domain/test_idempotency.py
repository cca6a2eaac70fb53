import asyncio

import pytest

from gateway.cache.answers import MemoryAnswers
from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import (
    AgentOnCall,
    BadRequest,
    GatewayError,
    IdempotencyKeyReused,
    LoginTaken,
    OutcomeUnknown,
    Overloaded,
    UpstreamCredentialsRejected,
    UpstreamUnavailable,
)
from gateway.domain.idempotency import (
    MAX_KEPT_BYTES,
    Claim,
    Finished,
    KeptAnswer,
    OnceOnly,
    claim_of,
    read_key,
)
from gateway.domain.ids import TenantId
from gateway.domain.ledger import Ledger

ANSWER = KeptAnswer(status=200, headers={"content-type": "text/plain"}, body=b"done")


def a_claim(
    key: str = "k-1", *, tenant: str = "acme", caller: str = "board", request: bytes = b"pause 1"
) -> Claim:
    return claim_of(key, tenant_id=TenantId(tenant), caller_name=caller, request=request)


class Writer:
    """A request that can be held, and counts how often it was run."""

    def __init__(self, *, answer: KeptAnswer = ANSWER, is_final: bool = True) -> None:
        self.runs = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self._finished = Finished(answer, is_final)

    async def __call__(self) -> Finished:
        self.runs += 1
        self.began.set()
        await self.go.wait()
        return self._finished


async def test_the_first_answer_is_given_again() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    assert await once.answer(a_claim(), write) == (ANSWER, False)
    assert await once.answer(a_claim(), write) == (ANSWER, True)
    assert write.runs == 1


async def test_a_duplicate_waits_for_the_first() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    write.go.clear()
    asked = [asyncio.create_task(once.answer(a_claim(), write)) for _ in range(50)]
    await write.began.wait()
    write.go.set()
    answers = await asyncio.gather(*asked)
    assert write.runs == 1
    assert sorted(is_replay for _, is_replay in answers) == [False] + [True] * 49


async def test_the_same_key_with_another_input_is_refused_and_not_run() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    await once.answer(a_claim(), write)
    with pytest.raises(IdempotencyKeyReused):
        await once.answer(a_claim(request=b"pause 2"), write)
    assert write.runs == 1


async def test_another_input_is_refused_while_the_first_is_under_way() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    write.go.clear()
    first = asyncio.create_task(once.answer(a_claim(), write))
    await write.began.wait()
    with pytest.raises(IdempotencyKeyReused):
        await once.answer(a_claim(request=b"pause 2"), write)
    write.go.set()
    assert (await first)[0] == ANSWER


@pytest.mark.parametrize("other", [{"tenant": "beta"}, {"caller": "crm"}, {"key": "k-2"}])
async def test_keys_belong_to_a_caller_at_a_tenant(other: dict[str, str]) -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    await once.answer(a_claim(), write)
    claim = a_claim(**other)  # type: ignore[arg-type]
    assert await once.answer(claim, write) == (ANSWER, False)
    assert write.runs == 2


def test_a_claim_shows_neither_key_nor_input_nor_equal_inputs() -> None:
    first = a_claim("planted-key", request=b"planted-password")
    second = a_claim("other-key", request=b"planted-password")
    assert first.fingerprint != second.fingerprint
    assert not any("planted" in part for part in (*first, *second))


async def test_what_is_not_final_is_run_again() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer(is_final=False)
    assert await once.answer(a_claim(), write) == (ANSWER, False)
    assert await once.answer(a_claim(), write) == (ANSWER, False)
    assert write.runs == 2


async def test_a_run_that_raises_gives_its_key_up() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()

    async def fail() -> Finished:
        raise UpstreamUnavailable("Not reached.")

    with pytest.raises(UpstreamUnavailable):
        await once.answer(a_claim(), fail)
    assert await once.answer(a_claim(), write) == (ANSWER, False)


async def test_a_caller_who_hangs_up_leaves_the_answer_to_the_next() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    write.go.clear()
    first = asyncio.create_task(once.answer(a_claim(), write))
    await write.began.wait()
    first.cancel()
    await asyncio.wait([first])
    write.go.set()
    assert await once.answer(a_claim(), write) == (ANSWER, True)
    assert write.runs == 1


async def test_a_duplicate_does_not_wait_longer_than_its_time() -> None:
    once, write = OnceOnly(MemoryAnswers()), Writer()
    write.go.clear()
    first = asyncio.create_task(once.answer(a_claim(), write))
    await write.began.wait()
    with one_deadline(0.05), pytest.raises(Overloaded) as raised:
        await once.answer(a_claim(), write)
    assert raised.value.retryable
    assert write.runs == 1
    write.go.set()
    await first
    await once.close()


async def test_an_answer_too_long_to_keep_is_known_to_have_been_given() -> None:
    long = KeptAnswer(status=200, headers={}, body=bytes(MAX_KEPT_BYTES + 1))
    once, write = OnceOnly(MemoryAnswers()), Writer(answer=long)
    assert await once.answer(a_claim(), write) == (long, False)
    with pytest.raises(OutcomeUnknown):
        await once.answer(a_claim(), write)
    assert write.runs == 1


async def test_answers_are_kept_for_a_day() -> None:
    now = [0.0]
    once, write = OnceOnly(MemoryAnswers(monotonic=lambda: now[0])), Writer()
    await once.answer(a_claim(), write)
    now[0] = 24 * 3600 - 1
    assert (await once.answer(a_claim(), write))[1] is True
    now[0] = 24 * 3600 + 1
    assert (await once.answer(a_claim(), write))[1] is False
    assert write.runs == 2


async def test_kept_answers_stay_within_their_bytes() -> None:
    store = MemoryAnswers(max_bytes=10_000)
    once, write = OnceOnly(store), Writer(answer=KeptAnswer(status=200, headers={}, body=bytes(3_000)))
    for number in range(5):
        await once.answer(a_claim(f"k-{number}"), write)
    assert [(await once.answer(a_claim(f"k-{number}"), write))[1] for number in (4, 3)] == [True, True]
    assert (await once.answer(a_claim("k-0"), write))[1] is False


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('"8e03978e-40d5"', "8e03978e-40d5"),
        ("8e03978e", "8e03978e"),
        (' "a b" ', "a b"),
        ("k" * 255, "k" * 255),
    ],
)
def test_a_key_is_read_in_quotes_or_bare(header: str, key: str) -> None:
    assert read_key(header) == key


@pytest.mark.parametrize("header", ["", '""', '"', "a b", '"a"b', "k" * 256, "ação", 'a"b'])
def test_what_is_no_key_is_a_bad_request(header: str) -> None:
    with pytest.raises(BadRequest):
        read_key(header)


@pytest.mark.parametrize(
    ("errors", "is_final"),
    [
        ([None], True),
        ([None, UpstreamUnavailable("x")], True),
        ([OutcomeUnknown("x")], True),
        ([LoginTaken("x")], True),
        ([AgentOnCall("x")], False),
        ([UpstreamUnavailable("x")], False),
        ([UpstreamCredentialsRejected("x")], False),
        ([LoginTaken("x"), UpstreamUnavailable("x")], False),
        ([], False),
    ],
)
def test_an_answer_is_final_where_asking_again_could_only_repeat_or_harm(
    *, errors: list[GatewayError | None], is_final: bool
) -> None:
    ledger = Ledger()
    for error in errors:
        ledger.begin()
        ledger.end(error)
    assert ledger.is_final is is_final


def test_a_write_that_broke_off_is_final() -> None:
    ledger = Ledger()
    ledger.begin()
    assert ledger.is_final
