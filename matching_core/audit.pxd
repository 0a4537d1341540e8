# cython: language_level=3
"""Is the state sound as a whole?"""

from .state cimport State

cdef int check_state(State state) except -1
