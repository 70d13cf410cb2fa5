"""What changed between two descriptions of a model's interface, whom it breaks, and how to adapt. Pure: no Django."""
