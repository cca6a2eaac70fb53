from gateway.cache.store import Held, ListingKey, ListingKind, ListingStore, weigh
from gateway.domain.ids import TenantId
from tests.builders import a_snapshot, an_agent

ONE = Held(a_snapshot([an_agent(1)]), 0.0, 0)
MANY = Held(a_snapshot([an_agent(each) for each in range(1, 101)]), 0.0, 0)


def key(tenant: str, *, of_id: int | None = None, credential: str = "c") -> ListingKey:
    return ListingKey(TenantId(tenant), credential, ListingKind.AGENT_PAUSES, of_id)


def holding(store: ListingStore, *keys: ListingKey) -> list[bool]:
    return [store.get(each) is not None for each in keys]


def test_what_is_put_is_held_under_its_own_key_alone() -> None:
    store = ListingStore()
    assert store.put(key("acme"), ONE)
    assert store.get(key("acme")) is ONE
    assert store.get(key("other")) is None
    assert store.get(key("acme", credential="d")) is None
    assert store.get(key("acme", of_id=1)) is None


def test_bytes_are_counted_once_however_often_a_key_is_put() -> None:
    store = ListingStore()
    for _ in range(5):
        store.put(key("acme"), ONE)
    assert store.held_bytes == weigh(ONE)
    store.put(key("acme"), MANY)
    assert store.held_bytes == weigh(MANY)
    store.drop(key("acme"))
    assert store.held_bytes == 0


def test_a_tenant_keeps_within_its_share_by_its_least_used_listings() -> None:
    store = ListingStore(max_bytes=100 * weigh(ONE), max_tenant_bytes=3 * weigh(ONE))
    store.put(key("other"), ONE)
    for each in (1, 2, 3):
        store.put(key("acme", of_id=each), ONE)
    store.get(key("acme", of_id=1))
    store.put(key("acme", of_id=4), ONE)
    assert holding(store, *(key("acme", of_id=each) for each in (1, 2, 3, 4))) == [True, False, True, True]
    assert holding(store, key("other")) == [True]


def test_over_the_total_the_tenant_used_longest_ago_loses_first() -> None:
    store = ListingStore(max_bytes=3 * weigh(ONE))
    for tenant in ("a", "b", "c"):
        store.put(key(tenant), ONE)
    store.get(key("a"))
    store.put(key("d"), ONE)
    assert holding(store, key("a"), key("b"), key("c"), key("d")) == [True, False, True, True]
    assert store.held_bytes == 3 * weigh(ONE)


def test_a_listing_larger_than_its_tenants_share_is_not_held_and_drops_its_older_self() -> None:
    store = ListingStore(max_bytes=100 * weigh(MANY), max_tenant_bytes=2 * weigh(ONE))
    store.put(key("acme"), ONE)
    assert not store.put(key("acme"), MANY)
    assert store.get(key("acme")) is None
    assert store.held_bytes == 0


def test_a_tenant_left_with_nothing_does_not_stand_in_the_way_of_eviction() -> None:
    store = ListingStore(max_bytes=2 * weigh(ONE), max_tenant_bytes=2 * weigh(ONE))
    store.put(key("too-large"), MANY)
    store.put(key("dropped"), ONE)
    store.drop(key("dropped"))
    for tenant in ("a", "b", "c"):
        assert store.put(key(tenant), ONE)
    assert holding(store, key("a"), key("b"), key("c")) == [False, True, True]


def test_a_tenant_that_is_served_no_more_leaves_nothing() -> None:
    store = ListingStore()
    for each in (1, 2):
        store.put(key("acme", of_id=each), ONE)
    store.put(key("other"), ONE)
    store.drop_tenant(TenantId("acme"))
    store.drop_tenant(TenantId("never-seen"))
    assert store.held_bytes == weigh(ONE)
    assert holding(store, key("acme", of_id=1), key("other")) == [False, True]
