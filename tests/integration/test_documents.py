"""Persisted documents over HTTP: Apollo's automatic ones, manifests, and what each caller may do."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from gateway.domain.secrets import KeyDigest
from gateway.main.edge import persisted_documents
from gateway.settings import CallerSettings, DocumentSettings, LimitSettings, Settings, SettingsError
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.served import KEY, Plan, Served, serving_gateway, settings_for, token_of

OFF_KEY = "planted-key-of-off"
REQUIRE_KEY = "planted-key-of-require"
WHO = "query Who { viewer { name } }"
AGENTS = "query Agents($n: Int) { agents(first: $n) { totalCount } }"
NEW = "query New { viewer { tenant } }"
GRAPHQL = {"Accept": "application/graphql-response+json"}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def automatic(digest: str, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **more}


def caller(key: str, mode: Any) -> CallerSettings:
    return CallerSettings(
        key_sha256=KeyDigest.of(key),
        tenants=("*",),
        scopes=("agents:read", "agents:write"),
        documents=mode,
    )


def with_manifests(settings: Settings, folder: Path) -> Settings:
    relay = folder / "relay.json"
    relay.write_text(json.dumps({"5a": AGENTS}))
    apollo = folder / "apollo.json"
    operation = {"id": sha256(WHO), "body": WHO, "name": "Who", "type": "query"}
    head = {"format": "apollo-persisted-query-manifest", "version": 1}
    apollo.write_text(json.dumps({**head, "operations": [operation]}))
    return replace(settings, documents=DocumentSettings(manifest_files=(str(relay), str(apollo))))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    world = World(token=token_of("acme"))
    world.add_agent("Ana", login="ana")
    plan = Plan(
        limits=LimitSettings(report_cost=True),
        callers={"off": caller(OFF_KEY, "off"), "require": caller(REQUIRE_KEY, "require")},
    )
    async with running(world) as simulator:
        settings = settings_for({"acme": simulator.base_url}, plan=plan, tokens={"acme": token_of("acme")})
        async with serving_gateway(with_manifests(settings, tmp_path)) as gateway:
            yield gateway


async def post(
    served: Served, content: dict[str, Any], *, key: str = KEY, path: str = "/graphql", **headers: str
) -> httpx.Response:
    return await served.client.post(path, json=content, headers={"Authorization": f"Bearer {key}", **headers})


async def get(served: Served, path: str, *, key: str = KEY, **parameters: str) -> httpx.Response:
    return await served.client.get(path, params=parameters, headers={"Authorization": f"Bearer {key}"})


def code_of(answer: httpx.Response) -> tuple[int, str, str]:
    [error] = answer.json()["errors"]
    assert "data" not in answer.json()
    return answer.status_code, error["extensions"]["code"], error["message"]


NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"


async def test_a_document_is_stored_under_its_hash_and_then_run_by_it_alone(served: Served) -> None:
    missed = await post(served, automatic(sha256(NEW)))
    assert code_of(missed) == (200, NOT_FOUND, "PersistedQueryNotFound")
    missed = await post(served, automatic(sha256(NEW)), **GRAPHQL)
    assert code_of(missed) == (404, NOT_FOUND, "PersistedQueryNotFound")
    stored = await post(served, automatic(sha256(NEW), query=NEW))
    assert stored.json()["data"] == {"viewer": {"tenant": "acme"}}
    by_post = await post(served, automatic(sha256(NEW)))
    extensions = json.dumps(automatic(sha256(NEW))["extensions"])
    by_get = await get(served, "/graphql", extensions=extensions)
    by_id = await get(served, f"/graphql/sha256:{sha256(NEW)}")
    assert by_post.json() == by_get.json() == by_id.json() == stored.json()


async def test_a_wrong_hash_stores_nothing(served: Served) -> None:
    refused = await post(served, automatic(sha256(WHO + " "), query=NEW))
    assert code_of(refused) == (400, "BAD_REQUEST", "sha256Hash is not the sha256 of query.")
    for digest in (sha256(WHO + " "), sha256(NEW)):
        assert code_of(await post(served, automatic(digest)))[1] == NOT_FOUND


async def test_a_document_that_cannot_be_run_is_not_stored(served: Served) -> None:
    wrong = "{ nothing }"
    assert (await post(served, automatic(sha256(wrong), query=wrong))).json()["errors"]
    assert code_of(await post(served, automatic(sha256(wrong))))[1] == NOT_FOUND


async def test_a_manifests_document_is_run_by_its_id_in_every_way_of_naming_it(served: Served) -> None:
    answers = [
        await post(served, {"documentId": "5a", "variables": {"n": 1}}),
        await post(served, {"variables": {"n": 1}}, path="/graphql/5a"),
        await get(served, "/graphql", documentId="5a", variables='{"n": 1}'),
        await get(served, "/graphql/5a", variables='{"n": 1}'),
        await post(served, automatic("5a", variables={"n": 1})),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["data"]) == (200, {"agents": {"totalCount": 1}})


async def test_the_route_of_a_document_is_logged_without_its_id(served: Served) -> None:
    await get(served, "/graphql/5a")
    [line] = [one for one in served.log_lines() if one["event"] == "http.access"]
    assert line["route"] == "/graphql/{document_id}"


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        ({"documentId": "5a", "query": WHO}, "/graphql", "Name the document once"),
        ({"documentId": "5a", **automatic("5a")}, "/graphql", "Name the document once"),
        ({"documentId": "5b"}, "/graphql/5a", "The path and documentId name two documents."),
        ({"documentId": "x" * 301}, "/graphql", "A document's id has 1 to 300 characters."),
        ({"documentId": 5}, "/graphql", "documentId must be a string."),
        (
            {"extensions": {"persistedQuery": []}},
            "/graphql",
            "persistedQuery must be an object of version 1.",
        ),
        ({}, "/graphql", "The request has no query."),
    ],
)
async def test_a_document_is_named_once_and_well(
    served: Served, content: dict[str, Any], path: str, message: str
) -> None:
    status, code, told = code_of(await post(served, content, path=path))
    assert (status, code) == (400, "BAD_REQUEST")
    assert told.startswith(message)


async def test_a_caller_who_must_use_manifests_can_run_nothing_else(served: Served) -> None:
    await post(served, automatic(sha256(NEW), query=NEW))
    required = (403, "PERSISTED_QUERY_REQUIRED", "You may only run documents that were stored beforehand.")
    assert code_of(await post(served, {"query": NEW}, key=REQUIRE_KEY)) == required
    with_hash = automatic(sha256(NEW), query=NEW)
    assert code_of(await post(served, with_hash, key=REQUIRE_KEY)) == required
    assert (
        code_of(await post(served, {"query": "{ __schema { types { name } } }"}, key=REQUIRE_KEY)) == required
    )
    assert code_of(await post(served, automatic(sha256(NEW)), key=REQUIRE_KEY))[1] == NOT_FOUND
    assert code_of(await post(served, {"documentId": sha256(NEW)}, key=REQUIRE_KEY))[1] == NOT_FOUND


async def test_a_caller_who_must_use_manifests_runs_their_documents_by_id_and_by_text(
    served: Served,
) -> None:
    for content in (
        {"documentId": sha256(WHO)},
        {"query": WHO},
        automatic(sha256(WHO)),
        automatic(sha256(WHO), query=WHO),
    ):
        answer = await post(served, content, key=REQUIRE_KEY)
        assert answer.json()["data"] == {"viewer": {"name": "require"}}


async def test_a_caller_without_persisted_documents_sends_texts_alone(served: Served) -> None:
    refused = (400, "BAD_REQUEST", "PersistedQueryNotSupported")
    assert code_of(await post(served, {"documentId": "5a"}, key=OFF_KEY)) == refused
    assert code_of(await post(served, automatic(sha256(NEW), query=NEW), key=OFF_KEY)) == refused
    assert code_of(await post(served, automatic(sha256(NEW))))[1] == NOT_FOUND
    answer = await post(served, {"query": NEW}, key=OFF_KEY)
    assert answer.json()["data"] == {"viewer": {"tenant": "acme"}}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("broken",), "JSON in UTF-8"),
        (("one", "other"), "ids that no other manifest gives another text"),
        (("missing",), "a readable file"),
    ],
)
def test_a_manifest_that_cannot_be_used_ends_the_start(
    tmp_path: Path, files: tuple[str, ...], expected: str
) -> None:

    (tmp_path / "broken").write_text("{")
    (tmp_path / "one").write_text(json.dumps({"a": WHO}))
    (tmp_path / "other").write_text(json.dumps({"a": NEW}))
    documents = DocumentSettings(manifest_files=tuple(str(tmp_path / one) for one in files))
    with pytest.raises(SettingsError) as refused:
        persisted_documents(Settings(documents=documents), config_path=tmp_path / "gateway.toml")
    assert str(refused.value).endswith(f"documents.manifest_files[{len(files) - 1}]: expected {expected}")
