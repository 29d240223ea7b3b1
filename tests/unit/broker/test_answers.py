"""What the broker tells of a job."""

from __future__ import annotations

import json
from copy import deepcopy

from f5ctl.receipts import tag_of
from f5d.broker.admission import Order
from f5d.broker.answers import file_tag, prediction, receipt
from f5d.broker.jobs import Client, Job, JobTable
from f5d.broker.peers import Peer
from f5d.catalog.voices import Reference
from f5d.engine.types import Loaded, Parameters, Predicted, Segment

LOADED = Loaded("cpu", "float32", 1, 1, "hash", 0.1)
ORDER = Order("Hello.", "rms", Reference(b"RIFF", "x"), Parameters(seed=7), "flac")


def spoken() -> Job:
    """Return a job that waited for 2 s and then spoke."""
    job = JobTable(9).admit(Client(1, Peer(1000, 1, (1000,))), "a", kind="say", model="m", now=0.0, order=ORDER)
    job.enter("running", 2.0)
    job.ref_text, job.voice_hash, job.texts = "x", "voice", ("Hello.",)
    job.take(Segment("1", 0, b"\1\0" * 24_000, b"", 0.5), 3.0)
    return job


def test_a_receipt_changes_nothing() -> None:
    """Asking for a receipt or a prediction leaves the job as it was, whenever and however often one asks."""
    job = spoken()
    before = {
        name: deepcopy(getattr(job, name)) for name in ("spent_s", "entered_at", "ref_text", "voice_hash")
    }
    first = receipt(job, LOADED, 5.0)
    assert receipt(job, LOADED, 5.0) == first
    assert (first["queue_s"], first["total_s"], first["duration_s"], first["rtf"]) == (2.0, 5.0, 1.0, 0.5)
    predicted = Predicted("1", "other", "another", ("Hello.",), (1.0,), 0.5, 0.0)
    assert prediction(job, LOADED, predicted, 0.25)["wait_s"] == 0.25
    assert {name: getattr(job, name) for name in before} == before


def test_a_file_says_what_its_receipt_says() -> None:
    """The metadata of a file is the receipt's lasting part, with the text unless that is kept out."""
    job = spoken()
    tag = file_tag(job, ORDER, LOADED)
    assert tag == tag_of(receipt(job, LOADED, 5.0), "Hello.")
    assert json.loads(tag)["text"] == "Hello."
