"""The documentation of an exported graph: the model card, and the signatures as JSON."""

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aae_tf import _version

if TYPE_CHECKING:
    from aae_tf.data.element import Element
    from aae_tf.models import LatentModel

Facts = Mapping[str, Any]
_USE = """## Intended use

Research, teaching and prototypes on {what} like the training data: {shape}. `score` says how well {one} is
reconstructed; {what} of another kind get codes and classes too, which mean nothing.

## Limits

Learned from one dataset, with its gaps and its errors. Not tested against adversarial inputs. Not for decisions
about people.
"""


def signature_table(found: Facts, element: "Element") -> dict[str, Any]:
    """Return the content of signatures.json for `ConcreteFunction`s by name: dtypes, shapes, and columns of rows."""
    entries = {"columns": list(element.entries)} if element.entries else {}

    def describe(name, spec):
        shape = [-1 if size is None else size for size in spec.shape]
        named = entries if name in (element.input_name, element.output_name) else {}
        return {"dtype": spec.dtype.name, "shape": shape, **named}

    return {
        name: {
            "inputs": {each.name: describe(each.name, each) for each in function.structured_input_signature[0] if each},
            "outputs": {key: describe(key, each) for key, each in function.structured_outputs.items()},
        }
        for name, function in sorted(found.items())
    }


def model_card(
    model: "LatentModel", signatures: Facts, precision: str, changes: Mapping[str, float], about: Facts | None = None
) -> str:
    """Return the text of model_card.md, by default of a model without a run.

    `changes` are the largest change of each output by this precision; `about` has 'recipe', 'data', 'epochs', 'metrics'
    and 'class_names' of the run.
    """
    element, about = model.element, about or {}
    text = [f"# {type(model).__name__}"]
    text += [f"Exported {datetime.date.today()} by aae_tf {_version.__version__}. {element.about['inputs']}"]
    if about:
        text += ["## Training", f"Recipe `{about['recipe']}`, {about['epochs']} epochs, on {about['data']}."]
    if about.get("class_names"):
        text += [f"Labels, from 0: {', '.join(about['class_names'])}."]
    if about.get("metrics"):
        rows = [
            (name, f"{each['value']:.4g}", f"{each['baseline']:.4g}" if "baseline" in each else "", each["unit"])
            for name, each in about["metrics"].items()
        ]
        text += [f"## Metrics on held-out {element.plural}", _table(("metric", "value", "baseline", "unit"), *rows)]
    if element.entries:
        text += ["## Columns", f"Scaled in the graph ({model.image_scale.kind}).", _column_table(model.image_scale)]
    rows = [(f"`{name}`", _listed(each["inputs"]), _listed(each["outputs"])) for name, each in signatures.items()]
    text += ["## Signatures", _table(("signature", "inputs", "outputs"), *rows)]
    text += ["## Weights", f"Stored in {precision}, computed with in float32."]
    if changes:
        lines = "\n".join(f"- `{name}`: {change:.2g}" for name, change in changes.items())
        text += ["Largest change of each output on real inputs:", lines]
    one = f"{element.article} {element.singular}"
    return "\n\n".join([*text, _USE.format(what=element.plural, one=one, shape=element.about["shape"])])


def _table(*rows):
    """Return a Markdown table; the first row is its header."""
    header, *lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([header, "|" + "---|" * len(rows[0]), *lines])


def _listed(tensors):
    return ", ".join(f"`{name}` {each['dtype']} {each['shape']}" for name, each in tensors.items())


def _column_table(scale):
    """Return a table of the entries of a row: kind, and center and std of the training rows."""
    rows = [("entry", "column", "center", "std")]
    kinds = [each.kind for each in scale.columns.columns for _ in each.entries]
    shift, std = scale.shift.numpy(), scale.spread.numpy()
    for number, (name, kind) in enumerate(zip(scale.columns.entries, kinds, strict=True)):
        unit = {"real": "", "count": " of log(1 + count)"}.get(kind)
        numbers = ("", "") if unit is None else (f"{shift[number]:.4g}", f"{std[number]:.4g}{unit}")
        rows.append((name, kind, *numbers))
    return _table(*rows)
