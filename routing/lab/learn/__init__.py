"""The routing lab: traffic, a simulator of the fleet, learning, and the evidence. Importable without Django."""
