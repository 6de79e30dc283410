"""The command line: parse, call, print. The one place where an error becomes a line and an exit code.

0  done
1  a TrothError: one line that says what to do; or a defect: one line, and the traceback in the home's log
2  bad input or usage: a line for each problem, with its place
130  interrupted
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from troth.errors import BadInput, TrothError

__all__ = ["main"]

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, from `arguments` or the process's own, and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except TrothError as error:
        prefix = "" if isinstance(error, BadInput) else "troth: "
        print(f"{prefix}{error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough. The interpreter flushes once more at exit: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        from troth.cli.defects import report  # noqa: PLC0415  needed once in a blue moon

        print(f"troth: {report(error, given)}", file=sys.stderr)
        return 1


def _run(given: Sequence[str]) -> int:
    """Runs the command. Raises what it raises."""
    from troth.cli.app import command, globals_first  # noqa: PLC0415  so that main can report what fails here

    try:
        command().main(globals_first(given), prog_name="troth")
    except SystemExit as done:
        sys.stdout.flush()
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0
