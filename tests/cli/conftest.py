"""What the tests of the command line share."""

from collections.abc import Iterator

import pytest

from tests.watching.apiserver import ApiServer, api_server


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """Return a small HTTP server that plays an API server."""
    with api_server() as running:
        yield running
