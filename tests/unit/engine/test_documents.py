"""Documents: read once however many ask at the same time, held within bounds, never in the event loop."""

import asyncio
import threading

import pytest

from gateway.domain.errors import Overloaded, RateLimited
from gateway.engine import documents as module
from gateway.engine.documents import Documents
from gateway.engine.limits import FormLimits
from gateway.engine.reading import Document, digest_of, read_document
from tests.unit.engine.measured import COSTS

GOOD = "{ viewer { name } }"


class Reader:
    """Stands in for `read_document`: counts, remembers its thread, and waits to be let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.threads: set[int] = set()
        self.go = threading.Event()
        monkeypatch.setattr(module, "read_document", self)

    def __call__(self, text: str, **how: object) -> Document:
        assert self.go.wait(5)
        self.texts.append(text)
        self.threads.add(threading.get_ident())
        return read_document(text, **how)  # type: ignore[arg-type]


@pytest.fixture
def documents() -> Documents:
    return Documents(limits=FormLimits(), costs=COSTS)


async def test_a_document_is_read_once_beside_the_loop_and_then_held(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(monkeypatch)
    waiting = [asyncio.create_task(documents.read(GOOD, caller=f"c{number}")) for number in range(20)]
    await asyncio.sleep(0)
    reader.go.set()
    first, *others = await asyncio.gather(*waiting)
    assert all(one is first for one in others)
    assert await documents.read(GOOD, caller="late") is first
    assert reader.texts == [GOOD]
    assert threading.get_ident() not in reader.threads
    assert first.sha256 == digest_of(GOOD)


async def test_a_document_with_errors_is_not_held(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(monkeypatch)
    reader.go.set()
    for _ in range(2):
        assert (await documents.read("{ nothing }", caller="c")).errors
    assert reader.texts == ["{ nothing }"] * 2


async def test_a_caller_who_hangs_up_does_not_take_the_document_from_others(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(monkeypatch)
    gone = asyncio.create_task(documents.read(GOOD, caller="gone"))
    stays = asyncio.create_task(documents.read(GOOD, caller="stays"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    reader.go.set()
    assert (await stays).errors == ()
    assert gone.cancelled()


async def test_one_caller_cannot_fill_the_queue_of_all(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(monkeypatch)
    flood = [asyncio.create_task(documents.read(f"{{ a{number} }}", caller="flood")) for number in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited) as refused:
        await documents.read("{ one { more } }", caller="flood")
    assert refused.value.retry_after_seconds == 1.0
    other = asyncio.create_task(documents.read(GOOD, caller="other"))
    reader.go.set()
    assert (await other).errors == ()
    await asyncio.gather(*flood)
    assert (await documents.read("{ one { more } }", caller="flood")).errors


async def test_too_many_documents_of_all_callers_are_too_much(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(monkeypatch)
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    flood = [asyncio.create_task(documents.read(f"{{ a{n} }}", caller=f"c{n}")) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await documents.read(GOOD, caller="late")
    with pytest.raises(Overloaded):
        await documents.beside_the_loop(lambda: 1)
    reader.go.set()
    await asyncio.gather(*flood)
    assert await documents.beside_the_loop(lambda: 1) == 1


async def test_what_is_held_is_bounded_by_its_size() -> None:
    documents = Documents(limits=FormLimits(), costs=COSTS, max_held_bytes=4_000)
    texts = [f"query q{number} {{ viewer {{ name }} }}" for number in range(5)]
    read = [await documents.read(text, caller="c") for text in texts]
    assert await documents.read(texts[-1], caller="c") is read[-1]
    assert await documents.read(texts[0], caller="c") is not read[0]
    documents.close()
