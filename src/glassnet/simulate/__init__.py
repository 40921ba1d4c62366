"""Ensembles and what is done with them: dynamics, time grids, recording, the verbs."""
