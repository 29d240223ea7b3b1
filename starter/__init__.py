"""The recipe that makes the bundled model: one command a step, each resumable (see README.md here)."""
