"""Settlement and pool against a model that shares no code with them.

model      what should happen: dicts, ints, its own rules and rounding
chain      what does happen: calls and transactions as anybody, what the contracts say, all state in one read
values     what is drawn: products, books, reports, forgeries
"""
