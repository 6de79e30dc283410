"""The demo: what an insurer does in a month, and what can be proved of it."""

from troth.demo.month import DemoResult, run

__all__ = ["DemoResult", "run"]
