"""Files that training writes after each epoch: history.csv and TensorBoard events."""

import csv
import io
from pathlib import Path

from aae_tf.backend import keras, tf
from aae_tf.utils.files import atomic_write


class HistoryFile(keras.callbacks.Callback):
    """Rewrites history.csv after each epoch, atomically; `history` is the trainer's list of rows, which grows."""

    def __init__(self, path: Path, history: list[dict]):
        super().__init__()
        self.path, self.history = path, history

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write all rows."""
        names = list(dict.fromkeys(name for row in self.history for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        atomic_write(self.path, lambda file: file.write(text.getvalue().encode()))


class TensorBoardEvents(keras.callbacks.Callback):
    """Writes each number of each epoch as a TensorBoard scalar into a folder."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = str(folder)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Open an event file."""
        self.writer = tf.summary.create_file_writer(self.folder)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the numbers of the epoch."""
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, value, step=epoch + 1)
        self.writer.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Close the event file."""
        self.writer.close()
