"""The demonstration: invented coins, a real server, and what a device answers once that server is gone."""

from coindex_synthetic.demo.page import Result, Run, page
from coindex_synthetic.demo.photos import CATALOGUE, Sample, TrueCoin, draw_photos, read_samples
from coindex_synthetic.demo.server import run_coindex, served
from coindex_synthetic.demo.verdict import CoinVerdict, Verdict, judge

__all__ = [
    "CATALOGUE",
    "CoinVerdict",
    "Result",
    "Run",
    "Sample",
    "TrueCoin",
    "Verdict",
    "draw_photos",
    "judge",
    "page",
    "read_samples",
    "run_coindex",
    "served",
]
