"""Checkpoints in, phone models out, with the proof that they agree."""
