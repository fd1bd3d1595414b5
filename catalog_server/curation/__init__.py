"""Changes to the catalogue: coins, photos, imports, embedding spaces."""
