"""What was said and done: records in streams, anchored in batches, proved to anyone by receipts.

records      a record's fields, each under a salt of its own, and the root over them
roster       a batch's blinded subjects, sorted, so that absence can be shown
commitments  a batch's word on the chain, which opens to all of it and names the one before
"""
