"""Trainings in compiled code: each is one XLA program, shared by all trials that it fits."""
