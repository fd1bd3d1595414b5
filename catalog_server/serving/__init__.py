"""Running the server: its settings, its processes, TLS and logs, and the service put together."""
