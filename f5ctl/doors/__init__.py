"""The doors: what serves the daemon's speech in the words of other programs. Each is a client of f5ctl.aio."""
