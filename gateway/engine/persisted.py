"""Persisted documents: texts known by an id, from manifests or stored by callers under their sha256."""

from collections.abc import Mapping

import cachetools

from gateway.engine.reading import digest_of

_HASH_PREFIX = "sha256:"


class PersistedDocuments:
    """Texts by id. Those of manifests stay; those that callers store go, the least used first."""

    def __init__(
        self, manifest: Mapping[str, str] | None = None, *, max_stored_bytes: int = 4 * 2**20
    ) -> None:
        self._manifest = dict(manifest or {})
        self._digests = frozenset(map(digest_of, self._manifest.values()))
        self._max_stored_bytes = max_stored_bytes
        self._stored: cachetools.LRUCache[str, str] = cachetools.LRUCache(
            maxsize=max_stored_bytes, getsizeof=_weigh
        )

    def in_manifest(self, identifier: str) -> str | None:
        """The text of this id in a manifest; `sha256:` before the id may be left out."""
        known = self._manifest.get(identifier)
        return known if known is not None else self._manifest.get(identifier.removeprefix(_HASH_PREFIX))

    def anywhere(self, identifier: str) -> str | None:
        """The text of this id in a manifest, or stored under this sha256."""
        known = self.in_manifest(identifier)
        return known if known is not None else self._stored.get(identifier.removeprefix(_HASH_PREFIX))

    def has_text(self, text: str) -> bool:
        """Whether a manifest has this very text."""
        return digest_of(text) in self._digests

    def store(self, text: str, *, digest: str) -> None:
        """Keep the text for later requests that send its sha256 alone."""
        if _weigh(text) <= self._max_stored_bytes:
            self._stored[digest] = text


def _weigh(text: str) -> int:
    return 256 + len(text) * 4
