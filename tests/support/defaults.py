"""What a test gets when it does not say otherwise.

Amounts are in base units of the token, times in UTC seconds, shares in basis points.
"""

DOLLAR = 10**6
DAY = 86_400

START = 1_767_225_600
"""2026-01-01 00:00 UTC: a midnight, so that a test of days can count from it."""

CHALLENGE_PERIOD = DAY
NOTICE_PERIOD = 30 * DAY
EXIT_WINDOW = 7 * DAY
QUORUM = 2

CAPITAL = 1_000_000 * DOLLAR
"""What the investor has put into the pool."""
PURSE = 1_000_000 * DOLLAR
"""What the underwriter holds to pay premiums from, and has approved to the pool."""

WHOLE = 10_000
METRIC = "arrival delay, minutes"
NO_REQUIREMENT = (0, 0, 0, 0)
"""Of payees: no verification, no purpose, recipient or category."""
TIERS = ((180, 5_000), (300, WHOLE))
"""Three hours late pays half, five hours pay all."""

RISK = "UA 1545 2013-01-01"
ON_TIME, LATE, VERY_LATE = 0, 200, 400
"""Observations that pay nothing, half and all under TIERS."""

SUM_INSURED = 400 * DOLLAR
PREMIUM = 20 * DOLLAR
COVER_FROM = START
"""Cover has begun, so that a test can settle at once; to cancel, let it begin later."""
PERIOD_START = PERIOD_END = START
"""Reports are of the first second."""
COVER_UNTIL = START + 30 * DAY
DEADLINE = START + 60 * DAY
