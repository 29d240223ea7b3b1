"""The thin client of f5d. Importing it, or any part of it, never imports numpy or torch."""

__version__ = "0.1.0"
