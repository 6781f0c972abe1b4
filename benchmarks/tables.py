"""Tables of scikit-learn: few labels, what is unlike the rest, and maps, beside scikit-learn's own methods.

    python benchmarks/tables.py                      # one table in Markdown, mean ± sd over 5 seeds

A seed draws the split (70 % train, 30 % test, stratified), the labelled rows and the weights; nothing is chosen, and
every seed counts. All methods see the same rows: columns are standardised by the training rows. The recipes are as
they are, with the defaults of tables (`aae_tf.recipes.data_defaults`).

- few labels: 5 rows of each class have labels; the error of the test rows (`semi_supervised_vat`).
- unlike the rest: trained on all classes but one (the last), without labels; AUROC of the test rows, the class left out
  against the others, by the reconstruction error (`likelihood`).
- map: test rows in the plane (`gaussian`); PCA's is fitted to the training rows, t-SNE's, which has no other way, to
  the test rows themselves. Trustworthiness and the accuracy of ten nearest neighbours on the map.
"""

import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import typer
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

import aae_tf
from aae_tf import data, evaluation

SETS = {"wine": datasets.load_wine, "breast cancer": datasets.load_breast_cancer, "digits": datasets.load_digits}
PER_CLASS = 5


class Rows:
    """One data set, split and scaled by one seed."""

    def __init__(self, load, seed):
        rows, labels = load(return_X_y=True)
        rows = rows[:, rows.std(0) > 0.1]  # pixels of digits that hardly ever are anything
        parts = train_test_split(rows, labels, test_size=0.3, stratify=labels, random_state=seed)
        self.train, self.test, self.labels, self.truth = parts
        scaler = StandardScaler().fit(self.train)
        self.scaled, self.test_scaled = scaler.transform(self.train), scaler.transform(self.test)
        self.seed, self.classes = seed, int(labels.max()) + 1

    def few_labels(self):
        """Return the training labels, all but a few of each class -1."""
        draw, kept = np.random.default_rng(self.seed), np.full(len(self.labels), -1)
        for each in range(self.classes):
            rows = draw.permutation(np.flatnonzero(self.labels == each))[:PER_CLASS]
            kept[rows] = each
        return kept


def trained(recipe, rows, known, seed, **options):
    """Return the model that a recipe makes of some rows, a tenth of which only watch."""
    columns = data.load(rows).columns
    split = data.Split(rows.astype("float32"), None if known is None else known.astype("int32"))
    watching = split.take(np.random.default_rng(seed).permutation(len(rows))[: len(rows) // 10])
    names = () if known is None else tuple(str(each) for each in range(known.max() + 1))
    given = data.Dataset("custom", split, watching, watching, names, "benchmark", columns)
    folder = Path(tempfile.mkdtemp()) / "run"
    return aae_tf.train(recipe, given, out_dir=folder, seed=seed, progress=False, report=False, **options).model


def classified(rows):
    """Yield (method, test error in %) of few labels."""
    known = rows.few_labels()
    taught = known >= 0
    yield "logistic regression", LogisticRegression(max_iter=2000).fit(rows.scaled[taught], known[taught])
    yield "LabelSpreading", LabelSpreading("knn", n_neighbors=7, max_iter=200).fit(rows.scaled, known)
    yield "SelfTraining", SelfTrainingClassifier(LogisticRegression(max_iter=2000)).fit(rows.scaled, known)
    yield "semi_supervised_vat", trained("semi_supervised_vat", rows.train, known, rows.seed, labels="all")


def few_labels(rows):
    """Yield (method, {measure: number}) of classification from few labels."""
    for method, model in classified(rows):
        ours = method == "semi_supervised_vat"
        found = model.predict_labels(rows.test) if ours else model.predict(rows.test_scaled)
        yield method, {"error %": 100 * np.mean(found != rows.truth)}


def unlike_the_rest(rows):
    """Yield (method, {measure: number}) of telling the class that training never saw."""
    usual, strange = rows.labels != rows.classes - 1, rows.truth == rows.classes - 1
    forest = IsolationForest(random_state=rows.seed).fit(rows.scaled[usual])
    yield "IsolationForest", {"AUROC": roc_auc_score(strange, -forest.score_samples(rows.test_scaled))}
    model = trained("likelihood", rows.train[usual], None, rows.seed)
    yield "likelihood", {"AUROC": roc_auc_score(strange, model.score(rows.test)["reconstruction_error"])}


def maps(rows):
    """Yield (method, {measure: number}) of maps of the test rows."""
    latent_points = {
        "PCA": PCA(2).fit(rows.scaled).transform(rows.test_scaled),
        "t-SNE": TSNE(2, init="pca", perplexity=15, random_state=rows.seed).fit_transform(rows.test_scaled),
        "gaussian": trained("gaussian", rows.train, None, rows.seed).encode(rows.test),
    }
    for method, found in latent_points.items():
        quality = evaluation.map_quality(rows.test_scaled, found, rows.truth)
        yield method, {"trustworthiness": quality["trustworthiness"], "accuracy": quality["nearest_accuracy"]}


TASKS = {"few labels": few_labels, "unlike the rest": unlike_the_rest, "map": maps}


def main(seeds: int = 5):
    """Print the table of all methods on all data sets over SEEDS seeds."""
    warnings.simplefilter("ignore")
    found = defaultdict(list)
    for dataset, load in SETS.items():
        for seed in range(seeds):
            rows = Rows(load, seed)
            for each, measured in TASKS.items():
                for method, numbers in measured(rows):
                    for measure, number in numbers.items():
                        found[each, measure, method, dataset].append(number)
    print("| task | measure | method |", " | ".join(SETS), "|")
    print("|---" * (3 + len(SETS)), "|", sep="")
    for each, measure, method in dict.fromkeys(key[:3] for key in found):
        cells = (found[each, measure, method, dataset] for dataset in SETS)
        digits = 1 if measure.endswith("%") else 3
        texts = [f"{np.mean(cell):.{digits}f} ± {np.std(cell, ddof=1):.{digits}f}" for cell in cells]
        print(f"| {each} | {measure} | {method} | {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
