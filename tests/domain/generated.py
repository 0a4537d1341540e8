"""Generated messages: a value for every field, within the bounds that its type states."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import Struct
from msgspec import inspect as kinds

from exchange import genesis
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import MAX_INTEGER


def messages(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Every message of a type, each field free within its bounds."""
    if kind is RiskParameters:
        # Its fields check each other, so one that is known to hold is varied in a single one.
        known = genesis.risk_parameters()
        rises = st.integers(0, MAX_INTEGER)
        return rises.map(lambda ppm: msgspec.structs.replace(known, rise_cap_ppm=ppm))
    fields = {field.name: values(field.type) for field in fields_of(kind)}
    return st.builds(kind, **fields)


def fields_of(kind: type[Struct]) -> tuple[kinds.Field, ...]:
    """The fields of a message in their order, with their types."""
    described = kinds.type_info(kind)
    assert isinstance(described, kinds.StructType)
    return described.fields


def values(kind: kinds.Type) -> st.SearchStrategy[Any]:
    """Every value of a type."""
    match kind:
        case kinds.IntType():
            return integers(kind)
        case kinds.StrType() if kind.pattern:
            return st.from_regex(kind.pattern, fullmatch=True)
        case kinds.StrType():
            return st.text(min_size=kind.min_length or 0, max_size=kind.max_length or 40)
        case kinds.BytesType():
            return st.binary(min_size=kind.min_length or 0, max_size=kind.max_length or 40)
        case kinds.BoolType():
            return st.booleans()
        case kinds.NoneType():
            return st.none()
        case kinds.EnumType():
            return st.sampled_from(list(kind.cls))
        case kinds.ListType():
            least_count = kind.min_length or 0
            most_count = max(least_count, min(20, kind.max_length or 20))
            return st.lists(values(kind.item_type), min_size=least_count, max_size=most_count)
        case kinds.StructType():
            return messages(kind.cls)
        case kinds.UnionType():
            return st.one_of(*map(values, kind.types))
    raise AssertionError(f"no values for {kind}")


def integers(kind: kinds.IntType) -> st.SearchStrategy[int]:
    """Integers within the bounds; without bounds those that a browser holds, of either sign."""
    low, high = bounds(kind)
    return st.integers(low, high) | st.sampled_from([low, high])


def bounds(kind: kinds.IntType) -> tuple[int, int]:
    """The least and the greatest value."""
    low = -MAX_INTEGER if kind.ge is None else kind.ge
    if kind.gt is not None:
        low = kind.gt + 1
    return low, MAX_INTEGER if kind.le is None else kind.le
