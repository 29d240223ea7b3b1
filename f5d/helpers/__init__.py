"""Work for one verb of `f5ctl` that needs what the client never imports: each a process of its own.

wire.py is their end of f5ctl/helper.py; encode.py and machine.py are called with arguments instead.
"""
