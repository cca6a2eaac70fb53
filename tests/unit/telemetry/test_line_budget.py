from gateway.telemetry import events
from gateway.telemetry.line_budget import LineBudget
from tests.unit.telemetry.recording import record


def test_a_thousand_lines_become_a_few_and_a_count() -> None:
    recorded = record()
    budget = recorded.telemetry.line_budget("gateway.upstream", event=events.UPSTREAM_SAID)
    for number in range(1_000):
        budget.tell(tenant="acme", texts=[f"words {number}"])
    assert [line["texts"] for line in recorded.lines] == [[f"words {number}"] for number in range(10)]
    assert all("suppressed" not in line for line in recorded.lines)

    recorded.clock.now += 60.0
    budget.tell(tenant="acme", texts=["and again"])
    budget.tell(tenant="acme", texts=["and once more"])

    *_, told, after = recorded.lines
    assert (told["texts"], told["suppressed"]) == (["and again"], 990)
    assert "suppressed" not in after


def test_budgets_of_two_tenants_do_not_use_each_other_up() -> None:
    recorded = record()
    acme, bravo = (
        LineBudget(
            recorded.telemetry.logger("gateway.upstream"),
            event=events.WALK_TORN,
            monotonic=recorded.clock,
            lines_per_minute=1,
        )
        for _ in range(2)
    )
    acme.tell(tenant="acme")
    acme.tell(tenant="acme")
    bravo.tell(tenant="bravo")
    assert [line["tenant"] for line in recorded.lines] == ["acme", "bravo"]
