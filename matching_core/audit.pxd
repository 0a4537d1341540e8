# cython: language_level=3
"""The state seen as a whole: is it sound, and what is its canonical form?"""

from .state cimport State

cdef int check_state(State state) except -1
cdef bytes snapshot_of(State state)
