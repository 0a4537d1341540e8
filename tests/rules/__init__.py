"""Tests of `exchange.rules`."""
