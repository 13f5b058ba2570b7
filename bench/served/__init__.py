"""What ``bench.serving`` is made of: examples, systems, a load, tables."""
