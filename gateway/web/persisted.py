"""Which document a request names: by its text, by an id, or by the sha256 that it was stored under.

Automatic persisted queries follow Apollo's protocol: `extensions.persistedQuery` with version 1 and
`sha256Hash`. Its two answers are known to clients by their messages, word for word.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.domain.errors import BadRequest, PersistedQueryNotFound, PersistedQueryRequired
from gateway.engine.documents import Documents
from gateway.engine.persisted import PersistedDocuments
from gateway.engine.reading import Document, digest_of
from gateway.tenancy import Caller, DocumentMode
from gateway.web.bodies import GraphQLRequest

NOT_FOUND: Final = "PersistedQueryNotFound"
NOT_SUPPORTED: Final = "PersistedQueryNotSupported"
_MAX_ID_CHARS: Final = 300
_VERSION: Final = 1


class _Named(msgspec.Struct, frozen=True):
    """What a request says of its document; `stores` where it brings the text for the sha256."""

    text: str | None
    identifier: str | None
    stores: bool = False


class DocumentDesk:
    """Finds and reads the document that a caller asks for, as the caller's mode allows."""

    def __init__(
        self, documents: Documents, *, persisted: PersistedDocuments, stores_automatically: bool
    ) -> None:
        self._documents = documents
        self._persisted = persisted
        self._stores = stores_automatically

    async def read(self, asked: GraphQLRequest, *, caller: Caller, hide_suggestions: bool) -> Document:
        """The document; what is wrong with its text stands in it, what is wrong with the asking is raised."""
        named = _named(asked)
        if named.identifier is not None and caller.documents is DocumentMode.OFF:
            raise BadRequest(NOT_SUPPORTED)
        text = self._find(named, mode=caller.documents)
        document = await self._documents.read(text, caller=caller.name, hide_suggestions=hide_suggestions)
        if named.stores and not document.errors and self._stores:
            self._persisted.store(text, digest=document.sha256)
        return document

    def _find(self, named: _Named, *, mode: DocumentMode) -> str:
        if named.text is None:
            return self._find_by_id(named.identifier, mode=mode)
        if mode is DocumentMode.REQUIRE and not self._persisted.has_text(named.text):
            raise PersistedQueryRequired("You may only run documents that were stored beforehand.")
        if named.stores:
            self._check_stored(named)
        return named.text

    def _find_by_id(self, identifier: str | None, *, mode: DocumentMode) -> str:
        if identifier is None:
            raise BadRequest("The request has no query.")
        known = self._persisted.in_manifest(identifier)
        if known is None and mode is not DocumentMode.REQUIRE:
            known = self._persisted.anywhere(identifier)
        if known is None:
            raise PersistedQueryNotFound(NOT_FOUND)
        return known

    def _check_stored(self, named: _Named) -> None:
        """A text that comes with an id must be the one that the id stands for."""
        identifier = named.identifier or ""
        if self._persisted.in_manifest(identifier) == named.text:
            return
        if not self._stores:
            raise BadRequest(NOT_SUPPORTED)
        if identifier != digest_of(named.text or ""):
            raise BadRequest("sha256Hash is not the sha256 of query.")


def _named(asked: GraphQLRequest) -> _Named:
    automatic = _hash_of(asked.extensions)
    if asked.document_id is not None:
        if asked.query is not None or automatic is not None:
            raise BadRequest("Name the document once: by query, by documentId, or by persistedQuery.")
        return _Named(None, _checked(asked.document_id))
    if automatic is None:
        return _Named(asked.query, None)
    # Some clients send an empty text with a hash and mean none.
    return _Named(asked.query or None, automatic, stores=bool(asked.query))


def _hash_of(extensions: Mapping[str, Any] | None) -> str | None:
    given = (extensions or {}).get("persistedQuery")
    if given is None:
        return None
    if not isinstance(given, dict) or given.get("version") != _VERSION:
        raise BadRequest("persistedQuery must be an object of version 1.")
    found = given.get("sha256Hash")
    if not isinstance(found, str):
        raise BadRequest("persistedQuery must have a sha256Hash.")
    return _checked(found)


def _checked(identifier: str) -> str:
    if not 0 < len(identifier) <= _MAX_ID_CHARS:
        raise BadRequest(f"A document's id has 1 to {_MAX_ID_CHARS} characters.")
    return identifier
