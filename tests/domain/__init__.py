"""Tests of the vocabulary: windows, messages, reasons."""
