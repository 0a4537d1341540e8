"""
The valuation model CR-1: what a pledged contract is worth, what is taken off, what it lends.

Everything here is a pure function of its arguments and of one set of `RiskParameters`. Integers
come in and integers go out; `decimal` appears only between them, with 34 digits. The same
question therefore has the same answer on every machine and at every replay.

    marks ──▶ curve ──▶ present_value ──┐
      │                                 ├──▶ valuation ──▶ ladder
      └────▶ volatility ──▶ haircut ────┘

Rules and projections call `valuation.value_contract`; the other modules are its parts and
answer for one noun each. `pool.revalue` is the same for many pledges at once, `stress` and
`runway` ask what if and how long, `backtest` looks at prices that were; notes, vouchers, data
sets, leases and spot hours each have a module. `check` compares all of it with stated cases.
"""
