"""Inner loops of sparse lanes' cycles, compiled by numba.

Only what costs sparse layers loads them, inside the functions that need them: loading numba takes
a good part of a second.
"""
