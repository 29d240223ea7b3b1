"""The Wyoming protocol, by which Home Assistant speaks: a client of the daemon that holds no model."""
