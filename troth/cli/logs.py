"""Logs of the library's work, on stderr, in a form that people and an operator's stack can read."""

from __future__ import annotations

import logging
import sys

__all__ = ["set_up_logs"]


def set_up_logs(*, verbose: bool) -> None:
    """Warnings of everything on stderr as logfmt; with `verbose`, all that Troth says of its own work.

    Other libraries stay at warnings: what they say in detail may quote addresses with access keys in them.
    """
    root = logging.getLogger()
    root.handlers[:] = [_Logfmt(sys.stderr)]
    root.setLevel(logging.WARNING)
    logging.getLogger("troth").setLevel(logging.DEBUG if verbose else logging.WARNING)


class _Logfmt(logging.StreamHandler):  # type: ignore[type-arg]  # generic in type stubs only
    """Writes records by structlog, which takes a tenth of a second to import: only once there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, logfmt."""
        if self.formatter is None:
            self.setFormatter(_formatter())
        return super().format(record)


def _formatter() -> logging.Formatter:
    """Time, level, logger, message, and whatever else the record has."""
    import structlog  # noqa: PLC0415  see _Logfmt

    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"]),
        ],
    )
