"""A table of how people write models, and what runs it."""
