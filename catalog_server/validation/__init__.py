"""Device answers compared with exact search: measured, reported, and kept for what is served."""
