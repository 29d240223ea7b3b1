"""Many texts to many files: `f5ctl batch`. Imported by that verb only.

manifest.py reads what is to be made, store.py knows what has been made, runner.py keeps the daemon
busy, report.py tells a person and a script how it goes.
"""
