"""Token-level simulator of the pipeline: the judge of the analytic model."""
