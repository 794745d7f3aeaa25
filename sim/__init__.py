"""Token-level simulator of the pipeline: the judge of the analytic model.

``simulate`` is in ``run``, ``size_fifos`` in ``sizing``; both load numba.
"""
