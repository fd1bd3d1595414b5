"""From the store to a release, and what is served, read back."""
