"""What Troth remembers: SQLite in one file by default, PostgreSQL by URL."""

from troth.store.database import HEAD, Store, insert_rows

__all__ = ["HEAD", "Store", "insert_rows"]
