"""Whose consents are recorded."""

from __future__ import annotations

import pytest

from troth.identity import subjects
from troth.office import Office


@pytest.fixture
def subject(office: Office) -> bytes:
    """A subject of the insurer's, customer reference C-1."""
    return subjects.new(office, "C-1").subject
