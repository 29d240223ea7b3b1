"""The daemon's own process, which clients talk to: it never computes, so it always answers.

    clients -> Loop -> Requests -> JobTable -> Dispatcher -> Supervisor -> engine processes
    clients <- Outbox <------------------------ Dispatcher <-'

loop.py owns the public socket and moves messages; requests.py decides about requests, with admission.py
for what is in them; jobs.py holds the live jobs; fleet.py says which engine runs and who gets it, and
dispatcher.py does that; supervisor.py and engine_process.py keep the processes; outbox.py keeps what slow
clients cannot take yet; answers.py words the receipts and the status. Imports no torch, no numpy.
"""
