"""A call centre whose writes are followed by the audit trail keeps the contract."""

from dataclasses import replace

import pytest

from gateway.telemetry.audit import AuditTrail
from gateway.telemetry.audited import AuditedCallCenter
from tests.contract.call_center_contract import CallCenterContract, ContractWorld
from tests.contract.test_fake_call_center import a_world


@pytest.fixture
def world() -> ContractWorld:
    fake = a_world()
    trail = AuditTrail(tenant="acme", caller="board", request_id="r-1")
    return replace(fake, call_center=AuditedCallCenter(fake.call_center, trail=trail))


class TestAuditedCallCenter(CallCenterContract):
    """Nothing of the port is changed by being watched."""
