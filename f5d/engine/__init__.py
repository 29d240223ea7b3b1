"""One loaded model and its jobs, in a process of its own or in yours (f5d/inference.py).

process.py starts and ends; loop.py receives, schedules, steps and replies; scheduler.py says which rows
take the next step; synthesizer.py turns text (text.py, reading/, languages/) and a recording (audio.py) into
rows and rows into waves; types.py is what broker and engine say to each other, the one file that both import.
"""
