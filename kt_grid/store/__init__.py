"""A search's directory: written whole, locked, and read back as results.

Nothing here knows TensorFlow, so a report needs none. Every file appears whole or not at all, and
a fold counts as trained when its record is there.
"""
