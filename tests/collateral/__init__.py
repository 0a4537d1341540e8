"""Tests of the valuation model."""
