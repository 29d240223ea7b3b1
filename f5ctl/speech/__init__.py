"""Texts that are more than one request: several voices, pauses, subtitles. Imported when a text needs it.

tags.py reads `[town]` and `[pause 800ms]`, story.py upstream's TOML files, srt.py subtitles; speaker.py
sends the parts and joins their audio.
"""
