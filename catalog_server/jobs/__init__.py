"""Work in the background: the queue, what it can do, and the checks that run by themselves."""
