"""
The valuation model CR-1: what a pledged contract is worth, what is taken off, what it lends.

Everything here is a pure function of its arguments and of one set of `RiskParameters`. Integers
come in and integers go out; `decimal` appears only between them, with 34 digits. The same
question therefore has the same answer on every machine and at every replay.

    marks ──▶ curve ──▶ present_value ──┐
      │                                 ├──▶ valuation ──▶ ladder
      └────▶ volatility ──▶ haircut ────┘

Rules and projections call `valuation.value_contract`; the other modules are its parts and
answer for one noun each.
"""
