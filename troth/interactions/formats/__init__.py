"""Interactions as others write them, read one by one in bounded memory, each with its bytes as received.

reading      files in any of the formats, single records, and records kept
jsonl        objects with `id`, `subject` and `start`, one a line
vcon         vCons, one a file
media        files that a vCon holds by reference
cdr          call detail records, as Asterisk writes them
strict_json  JSON that means one thing to everybody
files        files, opened once and read in pieces
received     a record, or why it was refused
"""

from troth.interactions.formats.reading import EMPTY, Format, of_object, read, reread, size_of
from troth.interactions.formats.received import LONGEST_RECORD, Received

__all__ = ["EMPTY", "LONGEST_RECORD", "Format", "Received", "of_object", "read", "reread", "size_of"]
