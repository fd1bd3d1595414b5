"""Where the float weights of the shipped models are kept."""

from pathlib import Path

__all__ = ["CHECKPOINTS", "EMBEDDER", "RELIEF", "SEGMENTER"]

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"
EMBEDDER = "embedder.safetensors"
SEGMENTER = "segmenter.safetensors"
RELIEF = "relief.safetensors"
