"""Measurements that the documentation quotes; each script is a command of its own: ``python bench/graph.py``."""
