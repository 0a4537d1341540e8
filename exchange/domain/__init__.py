"""The vocabulary of the market: units, enums, windows, commands, events, reasons, records, wire."""
