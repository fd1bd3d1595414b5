"""The demonstration: invented coins, a real server, and what a device answers once that server is gone."""

from coindex.demo.page import Result, Run, page
from coindex.demo.photos import CATALOGUE, Sample, TrueCoin, draw_photos, read_samples
from coindex.demo.server import run_coindex, served
from coindex.demo.verdict import CoinVerdict, Verdict, judge

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
