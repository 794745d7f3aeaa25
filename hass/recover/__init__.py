"""Recovery: a short training of the weights that a design's clips leave. Needs torch."""
