"""Whether every value of one node is one of another: proved by the prover, or refuted by an example."""
