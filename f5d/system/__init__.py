"""The daemon's edge to the system: its socket's file, systemd, the journal, a port for metrics."""
