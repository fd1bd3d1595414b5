"""The catalogue: what it holds, how it is stored, searched, released, and kept on a device.

Start with `open_catalog` for a synced catalogue, or `CatalogIndex.from_rows` for one in memory.
"""

from coindex.catalog.local import LocalCatalog, default_home, open_catalog
from coindex.catalog.search import CatalogIndex, Hit
from coindex.catalog.state import CatalogState, CoinRecord, Rows, state_hash

__all__ = [
    "CatalogIndex",
    "CatalogState",
    "CoinRecord",
    "Hit",
    "LocalCatalog",
    "Rows",
    "default_home",
    "open_catalog",
    "state_hash",
]
