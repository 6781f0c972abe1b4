"""Tables that scikit-learn carries, so that there is one to try without a file or a network."""

from aae_tf.data.tables.files import need_pandas
from aae_tf.data.tables.frames import from_table


def load_scikit_learn(name):
    """Return a table of scikit-learn as a `Dataset`: 'wine' and 'breast_cancer' with classes, 'diabetes' without.

    Args:
        name: of these three.

    Raises:
        InputError: no pandas.
    """
    need_pandas()
    from sklearn import datasets

    what = f"{name} of scikit-learn"
    if name == "diabetes":  # in their own units, the outcome a column like the others
        patients = datasets.load_diabetes(as_frame=True, scaled=False).frame
        return from_table(patients.assign(sex=patients.sex.map({1.0: "1", 2.0: "2"})), what=what)
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    return from_table(found.data, [str(found.target_names[label]) for label in found.target], what=what)
