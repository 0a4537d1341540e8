"""Whose failure a pool is asked about, and what it costs."""

from msgspec.structs import replace

from exchange.domain.enums import LadderStatus
from exchange.projections.secured import (
    FAILED_SUPPLIERS_COUNT,
    SecuredLoans,
    secured_view,
    stress_of,
    suppliers_at_stake,
)

from .lending_tape import LendingTape
from .records import BANK, SUPPLIER


def secured(supplier_ids: list[int]) -> SecuredLoans:
    """A bank's loans, each on a thousand GPUs of one of the suppliers."""
    tape = LendingTape()
    for number, _ in enumerate(supplier_ids, 1):
        tape.lend(number, number)
    found = secured_view(BANK, tape.projection, count=100)
    assert {tuple(loan.supplier_account_ids) for loan in found.loans} == {(SUPPLIER,)}
    loans = [
        replace(loan, supplier_account_ids=[supplier_id])
        for loan, supplier_id in zip(found.loans, supplier_ids, strict=True)
    ]
    return replace(found, loans=loans)


def test_each_supplier_fails_alone_and_its_loans_alone_are_called():
    found = stress_of(secured([21, 22, 21]), 0, 100)
    as_it_is, *_ = found.pool
    failing = {each.failed_supplier_account_id: each for each in found.pool[-2:]}
    assert [each.scenario for each in found.pool[-2:]] == ["supplier 21 fails", "supplier 22 fails"]
    one_amount = as_it_is.value_amount // 3
    for supplier_id, count in ((21, 2), (22, 1)):
        fails = failing[supplier_id]
        assert fails.called_count == count
        assert as_it_is.value_amount - fails.value_amount == count * (
            one_amount - one_amount * 400_000 // 1_000_000
        )
    of_first, of_other, of_first_too = found.loans
    for loan in (of_first, of_first_too):
        assert loan.scenarios[-2].ladder_status == LadderStatus.LIQUIDATE
    before, fails = of_other.scenarios[0], of_other.scenarios[-2]
    assert replace(fails, scenario=before.scenario) == before


def test_of_many_suppliers_those_fail_that_cost_the_pool_most():
    supplier_ids = [31, 32, 33, 34, 35, 36, 37, 37, 36]
    pool = secured(supplier_ids)
    assert suppliers_at_stake(pool.loans) == [36, 37, 31, 32, 33]
    failed = [each.failed_supplier_account_id for each in stress_of(pool, 0, 1).pool]
    assert failed[-FAILED_SUPPLIERS_COUNT:] == [36, 37, 31, 32, 33]
    assert set(failed[:-FAILED_SUPPLIERS_COUNT]) == {0}
