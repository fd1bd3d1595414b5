"""The parts of `benchmarks/recognition.py`, a module each."""
