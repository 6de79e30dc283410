"""Who the customer is: a random subject id on the chain, and off it, sealed, the link to a person.

vault          the keys that seal what is personal
subjects       ids, and the insurer's own customer references
evidence       what shows a subject's word: a salted hash on the chain, the content sealed here
wallets        which accounts speak for a subject, by the account's own signature
verifications  who established a subject's identity, how surely, until when
mandates       who else may decide for a subject, within which scope
dossier        everything held about one subject
erasure        its destruction, and the proof that it happened
"""
