"""Many texts to many files: `f5ctl batch`. Imported by that verb only.

A manifest's bytes become text (source.py), of a shape (shapes.py), whose records (records.py) have fields
(fields.py) and name outputs (outputs.py): manifest.py makes lines (line.py) of them. store.py knows what has
been made, runner.py keeps the daemon busy, many.py makes the lines of several requests, report.py tells how it
goes, estimate.py what it would be.
"""
