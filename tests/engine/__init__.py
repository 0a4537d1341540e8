"""Tests of `exchange.engine`."""
