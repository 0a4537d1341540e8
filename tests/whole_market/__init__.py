"""
A whole market for a year of delivery days: random people, the real rules and core, and an oracle.

    people ─▶ commands ─▶ real engine ─▶ records ─▶ the oracle's ledger ─▶ compared with the core

The oracle (`books`, `ledger`) knows the records and nothing else: dicts, additions, and the
equations of `DOMAIN.md` section 13, which it checks after every record. One seed is one run.
"""
