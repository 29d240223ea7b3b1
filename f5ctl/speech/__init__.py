"""Speaking, whatever asks for it: what goes in, what comes out, and the requests between.

conversation.py keeps the account of requests under way. say.py speaks one request,
retry.py one that outlives its daemon, feed.py a text that is still being written (pieces.py cuts
it), speaker.py a script: marks.py reads `[town]` and `[pause 800ms]`, story.py upstream's
TOML files, srt.py subtitles, markdown.py what stands in Markdown. inputs.py and texts.py read,
output.py and sinks.py write, file_tags.py finds receipts, preview.py is --dry-run, player.py plays.
"""
