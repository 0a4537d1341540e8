"""
The order path on plain integers: books, unit-day holdings, cash.

`venue.Venue` is the surface; the other modules are its parts and are seen from Cython only. The
package knows no clock, no randomness, no files and none of our messages, so the same calls give the
same state and the same bytes everywhere.
"""
