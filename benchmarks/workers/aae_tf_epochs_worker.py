"""One of aae_tf's recipes on MNIST, an epoch for each line read; arguments: recipe, changes to it as JSON.

`train` is called as a user calls it, in a thread that waits for its turn after each epoch. The first epoch's time has
reading the data, building and compiling in it.
"""

import json
import queue
import sys
import tempfile
import threading

from common import serve_epochs

import aae_tf
from aae_tf.backend import keras

recipe, options = sys.argv[1], json.loads(sys.argv[2])
asked, answers = queue.Queue(), queue.Queue()


class InTurn(keras.callbacks.Callback):
    """Says the validation error after each epoch and waits to be asked for the next."""

    def on_epoch_end(self, epoch, logs=None):
        answers.put(next(logs[name] for name in ("val_classification_error", "val_clustering_error") if name in logs))
        asked.get()


def run():
    asked.get()
    with tempfile.TemporaryDirectory() as folder:
        aae_tf.train(recipe, out_dir=folder, callbacks=[InTurn()], report=False, progress=False, **options)
    answers.put(None)


def errors():
    while True:
        asked.put("an epoch")
        yield answers.get()


threading.Thread(target=run, daemon=True).start()
serve_epochs(errors())
