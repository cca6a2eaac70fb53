"""What several files of whole-gateway tests need."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser import start_browser
from tests.tools import require_tool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a real browser."""
    chromium = require_tool("chromium")
    async with start_browser(chromium, profile=tmp_path_factory.mktemp("profile")) as address:
        yield address
