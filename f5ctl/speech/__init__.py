"""Speaking, whatever asks for it: what goes in, what comes out, and the requests between.

say.py speaks one request, retry.py one that outlives its daemon, feed.py a text that is still being written
(pieces.py cuts it), speaker.py a script: marks.py reads `[town]` and `[pause 800ms]`, story.py upstream's
TOML files, srt.py subtitles. inputs.py reads, output.py and sinks.py write, player.py plays.
"""
