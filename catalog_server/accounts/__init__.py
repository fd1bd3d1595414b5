"""Who may do what: accounts, passwords, sessions, tokens."""
