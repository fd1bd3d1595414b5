"""The server's commands: what a person types, checked and handed to the rooms below."""
