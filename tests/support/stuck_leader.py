"""Leads the next job of a store until so many photos are encoded, and then waits to be killed: `stuck_leader.py STORE
MODELS PHOTOS`."""

import sys
import threading
from itertools import count
from pathlib import Path

from catalog_server.curation import encoding
from catalog_server.jobs.kinds import handlers
from catalog_server.jobs.queue import Worker
from catalog_server.store import open_store


def main(folder, models, most):
    encoding.DEFAULT_FOLDER = Path(models)
    encode_photo, encoded = encoding.encode_photo, count()

    def encode_or_wait(*given, **options):
        if next(encoded) == int(most):
            print("stuck", flush=True)
            threading.Event().wait()
        return encode_photo(*given, **options)

    encoding.encode_photo = encode_or_wait
    Worker(open_store(Path(folder)), handlers(threads=1)).run_one()


if __name__ == "__main__":
    main(*sys.argv[1:])
