"""A stream, and the one who writes it."""

from __future__ import annotations

import pytest
from support import Actor, Suite
from support.streams import Stream, opened

from troth.chain.contracts import Contract


@pytest.fixture
def streams(suite: Suite) -> Contract:
    """All streams."""
    return suite.streams


@pytest.fixture
def stream(suite: Suite) -> Stream:
    """The first stream, with nothing in it yet."""
    return opened(suite)


@pytest.fixture
def writer(suite: Suite) -> Actor:
    """Anchors batches."""
    return suite["writer"]
