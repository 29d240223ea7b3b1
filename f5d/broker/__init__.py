"""The daemon's own process, which clients talk to: it never computes, so it always answers.

    clients -> Front -> Loop -> Requests -> JobTable -> Dispatcher -> Supervisor -> engine processes
    clients <- Front <- Outbox <------------------------ Dispatcher <-'

front.py is the public socket: connections (connection.py) that speak ZMTP (zmtp.py), their users (peers.py)
and what each may take (quotas.py). loop.py moves messages; requests.py decides about requests, with
admission.py for what is in them; jobs.py holds the live jobs; fleet.py says which engine runs and who gets
it, and dispatcher.py does that; supervisor.py and engine_process.py keep the processes; outbox.py bounds what
waits for slow clients; answers.py words the receipts and the status. Imports no torch, no numpy.
"""
