"""The catalogue server: a curator's store, its releases, and the web server that offers them to phones."""
