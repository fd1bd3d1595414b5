"""The server's commands: they check the arguments and call the other packages."""
