"""From a written schema to a node: dialects, keywords, references, and what could not be read."""
