"""The examples of the page about the plain book are true."""

import doctest
from pathlib import Path

import matching_core

PAGE = Path(matching_core.__file__).with_name("ORDER_BOOK.md")


def test_the_examples_of_the_page_hold():
    failures, examples = doctest.testfile(str(PAGE), module_relative=False)
    assert failures == 0
    assert examples > 30


def test_the_page_names_every_reason():
    source = PAGE.with_name("results.pyx").read_text()
    names = source.split("REASON_NAMES = {")[1].split("}")[0].split('"')[1::2]
    assert len(names) == 13
    for name in names:
        assert f"`{name}`" in PAGE.read_text()
