"""Models and voices by name, and where their files are. Imports no torch and nothing else of f5d."""
