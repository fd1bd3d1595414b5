"""Photos in, checkpoints out: the nets, their losses and what they are shown."""
