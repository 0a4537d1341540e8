"""
Figures of the exchange: a file a question, each a program that prints what it measured.

Nothing here is a test: figures depend on the machine, and a suite must not.
"""
