"""Results for people and programs, one module per format.

A format shows what the store and the analysis say; it never trains and never needs TensorFlow.
"""
