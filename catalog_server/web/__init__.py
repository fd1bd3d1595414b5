"""What the server answers over HTTP: a file for each kind of asker, all of them joined in `catalog_server.web.app`."""
