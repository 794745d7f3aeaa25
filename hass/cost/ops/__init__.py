"""The cost of each op: cycles, memories and resources as functions of shape and folding."""
