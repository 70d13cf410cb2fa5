"""Models on own devices: where each sits, in which state, and what its engines say."""
