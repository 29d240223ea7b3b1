"""The network in tensors: rows in, one ODE step for any set of them.

sampler.py has the rows and what a backend is; dit_backend.py is ours, reference.py the f5-tts package's own
modules. dit.py and layers.py compute on packed rows (packing.py). What does not change from step to step is
computed once: the text's embedding, the recording's share of the input, AdaLN for the whole time grid. On
CUDA steps are replayed from recordings (buckets.py, static_step.py): those of common shapes are made while
there is no job, others when they come again. On a CPU copies are computed side by side (workers.py).
"""
