"""Steps from every earlier layout of the store to today's; `open_store` takes those that are missing."""
