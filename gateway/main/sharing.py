"""Sharing among replicas, where the configuration names a Valkey."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from gateway.cache.answers import MemoryAnswers
from gateway.domain.idempotency import AnswerStore
from gateway.main.configuration import policies_of
from gateway.settings import CacheSettings
from gateway.telemetry import events
from gateway.telemetry.loads import observe_sharing
from gateway.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from gateway.cache.valkey import ValkeyListings
    from gateway.cache.valkey_changes import ValkeyChanges


class KeptAnswers(AnswerStore, Protocol):
    """A store of answers that is closed at the end."""

    async def close(self) -> None:
        """Close what it has open."""
        ...


def kept_answers(cache: CacheSettings, *, telemetry: Telemetry) -> KeptAnswers:
    """Where answers to idempotency keys are kept: in the Valkey of the settings, or else in this process."""
    if cache.valkey_url is None:
        return MemoryAnswers()
    from gateway.cache.valkey_answers import ValkeyAnswers  # noqa: PLC0415 - as below

    return ValkeyAnswers(
        cache.valkey_url,
        incidents=telemetry.incidents(
            "gateway.cache", failed=events.ANSWERS_FAILED, recovered=events.ANSWERS_RECOVERED
        ),
    )


def shared_changes(
    cache: CacheSettings, *, keep_seconds: float, telemetry: Telemetry
) -> "ValkeyChanges | None":
    """What replicas tell each other of changes, in the Valkey of the settings; None without one."""
    if cache.valkey_url is None:
        return None
    from gateway.cache.valkey_changes import ValkeyChanges  # noqa: PLC0415 - as below

    return ValkeyChanges(
        cache.valkey_url,
        keep_seconds=keep_seconds,
        incidents=telemetry.incidents(
            "gateway.cache", failed=events.CHANGES_FAILED, recovered=events.CHANGES_RECOVERED
        ),
    )


def shared_listings(
    cache: CacheSettings,
    *,
    telemetry: Telemetry,
    on_write: Callable[[str], object],
    on_sync_lost: Callable[[], object],
    group: str | None = None,
) -> "ValkeyListings | None":
    """What is shared through the Valkey of the settings, not started yet; None where they name none.

    A listing is kept there for as long as it may be served at all.
    """
    if cache.valkey_url is None:
        return None
    from gateway.cache.valkey import ValkeyListings  # noqa: PLC0415 - 8 MB that a lone replica has no use for

    keep_seconds = {
        kind: policy.fresh_seconds + max(policy.stale_seconds, policy.stale_if_error_seconds)
        for kind, policy in policies_of(cache).items()
    }
    shared = ValkeyListings(
        cache.valkey_url,
        keep_seconds=keep_seconds,
        on_write=on_write,
        on_sync_lost=on_sync_lost,
        incidents=telemetry.incidents(
            "gateway.cache", failed=events.SHARING_FAILED, recovered=events.SHARING_RECOVERED
        ),
        group=group,
    )
    observe_sharing(telemetry.metrics, lambda: shared.is_sharing)
    return shared
