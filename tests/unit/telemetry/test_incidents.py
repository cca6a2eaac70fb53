from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from tests.unit.telemetry.recording import Recorded, record


def upstream_incidents(recorded: Recorded) -> IncidentLog:
    return recorded.telemetry.incidents(
        "gateway.evolux",
        failed=events.UPSTREAM_FAILED,
        recovered=events.UPSTREAM_RECOVERED,
    )


def test_a_storm_is_one_line_when_it_begins_and_one_with_the_count_when_it_ends() -> None:
    recorded = record()
    incidents = upstream_incidents(recorded)
    for _ in range(1000):
        incidents.fail("acme", tenant="acme")
    recorded.clock.now += 12.5
    incidents.recover("acme", tenant="acme")
    told = [(line["event"], line["count"], line.get("seconds")) for line in recorded.lines]
    assert told == [("upstream.failed", 1, None), ("upstream.recovered", 1000, 12.5)]


def test_a_long_incident_is_told_again_each_minute_with_its_count() -> None:
    recorded = record()
    incidents = upstream_incidents(recorded)
    for _ in range(121):
        incidents.fail("acme")
        recorded.clock.now += 1
    assert [(line["count"], line.get("seconds")) for line in recorded.lines] == [
        (1, None),
        (61, 60.0),
        (121, 120.0),
    ]


def test_what_was_well_recovers_without_a_word() -> None:
    recorded = record()
    upstream_incidents(recorded).recover("acme")
    assert recorded.lines == []


def test_it_knows_for_how_long_nothing_has_changed() -> None:
    recorded = record()
    incidents = upstream_incidents(recorded)
    told: list[float | None] = []
    incidents.recover("acme")
    told.append(incidents.unchanged_seconds)
    for _ in range(3):
        incidents.fail("acme")
        recorded.clock.now += 2
    told.append(incidents.unchanged_seconds)
    incidents.recover("acme")
    recorded.clock.now += 1
    told.append(incidents.unchanged_seconds)
    assert told == [None, 6.0, 1.0]


def test_each_key_has_an_incident_of_its_own() -> None:
    recorded = record()
    incidents = upstream_incidents(recorded)
    incidents.fail("acme", "agents", tenant="acme")
    incidents.fail("bravo", "agents", tenant="bravo")
    incidents.recover("acme", "agents", tenant="acme")
    incidents.fail("bravo", "agents", tenant="bravo")
    assert [(line["event"], line["tenant"]) for line in recorded.lines] == [
        ("upstream.failed", "acme"),
        ("upstream.failed", "bravo"),
        ("upstream.recovered", "acme"),
    ]


def test_many_keys_do_not_flood_the_log() -> None:
    recorded = record()
    incidents = upstream_incidents(recorded)
    for number in range(5000):
        incidents.fail(str(number))
    assert len(recorded.lines) == 1001
