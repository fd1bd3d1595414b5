"""The parts of `benchmarks/catalog.py`, a module each."""
