"""Who would notice a change: what each caller really sends, held against each finding."""
