"""Two nodes compared facet by facet: limits, types, enumerations, names, items, alternatives, annotations."""
