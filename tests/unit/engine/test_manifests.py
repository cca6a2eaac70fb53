"""Manifests of persisted documents: two formats, and what is neither is refused in plain words."""

import json
from typing import Any

import pytest

from gateway.engine.manifests import ManifestError, parse_manifest
from gateway.engine.persisted import PersistedDocuments
from gateway.engine.reading import digest_of

TEXT = "query Who { viewer { name } }"


def apollo(*operations: Any, **more: Any) -> bytes:
    head = {"format": "apollo-persisted-query-manifest", "version": 1}
    return json.dumps({**head, "operations": operations, **more}).encode()


def test_apollos_manifest_is_read() -> None:
    operation = {"id": "abc", "body": TEXT, "name": "Who", "type": "query", "clientName": "board"}
    assert parse_manifest(apollo(operation)) == {"abc": TEXT}


def test_relays_map_is_read() -> None:
    assert parse_manifest(json.dumps({"d41d8": TEXT}).encode()) == {"d41d8": TEXT}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"nonsense", "JSON in UTF-8"),
        (b"\xff", "JSON in UTF-8"),
        (b"[" * 100_000, "JSON in UTF-8"),
        (b"[]", "a JSON object"),
        (apollo(version=2), "the format apollo-persisted-query-manifest in version 1"),
        (b'{"format": "other"}', "the format apollo-persisted-query-manifest in version 1"),
        (apollo("x"), "operations, a list of objects"),
        (apollo(operations={}), "operations, a list of objects"),
        (apollo({"id": "abc"}), "texts by ids, each id of 1 to 256 characters"),
        (b'{"": "{ x }"}', "texts by ids, each id of 1 to 256 characters"),
        (b'{"abc": 1}', "texts by ids, each id of 1 to 256 characters"),
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(content)
    assert str(caught.value) == expected


def test_a_document_is_found_by_its_id_with_and_without_the_prefix() -> None:
    documents = PersistedDocuments({"abc": TEXT})
    assert documents.in_manifest("abc") == documents.in_manifest("sha256:abc") == TEXT
    assert documents.has_text(TEXT)
    assert not documents.has_text("{ viewer { name } }")


def test_what_callers_store_is_apart_from_the_manifests_and_bounded() -> None:
    documents = PersistedDocuments(max_stored_bytes=3 * (256 + 4 * len(TEXT)))
    for number in range(10):
        text = TEXT.replace("Who", f"W{number:02}"[:3])
        documents.store(text, digest=digest_of(text))
    stored = [documents.anywhere(digest_of(TEXT.replace("Who", f"W{number:02}"))) for number in range(10)]
    assert [one is not None for one in stored] == [False] * 7 + [True] * 3
    assert documents.in_manifest(digest_of(TEXT.replace("Who", "W09"))) is None
    documents.store("x" * 100_000, digest="long")
    assert documents.anywhere("long") is None
