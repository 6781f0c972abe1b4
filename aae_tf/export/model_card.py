"""What lies beside an exported graph for people and programs: the model card, and the signatures as JSON."""

import datetime

from aae_tf import _version

_USE = """## Intended use

Research, teaching and prototypes on {what} like those it was trained on: {shape}. `score` says how
well {one} is reconstructed; {what} of another kind get codes and classes too, and those mean nothing.

## Limits

Learned from one dataset, with its gaps and its errors. Not tested against adversarial inputs. Not for decisions
about people."""


def signature_table(found, element):
    """Return signatures.json's content: for each signature its inputs and outputs by name, with dtype, shape and, of
    rows, the names of the columns.

    Args:
        found: dict of signature name to its `ConcreteFunction`.
        element: `aae_tf.data.Element` of the model.
    """
    entries = {"columns": list(element.entries)} if element.entries else {}

    def describe(specs):
        return {
            name: {
                "dtype": spec.dtype.name,
                "shape": [-1 if size is None else size for size in spec.shape],
                **(entries if name in (element.input_name, element.output_name) else {}),
            }
            for name, spec in specs.items()
        }

    return {
        name: {
            "inputs": describe(
                {spec.name: spec for spec in function.structured_input_signature[0] if spec is not None}
            ),
            "outputs": describe(function.structured_outputs),
        }
        for name, function in sorted(found.items())
    }


def model_card(model, table, precision, changes, about=None):
    """Return the text of model_card.md.

    Args:
        model: the exported `LatentModel`.
        table: what `signature_table` returned.
        precision: how weights are stored.
        changes: dict of 'signature.output' to the greatest change that storing them so made; empty for float32.
        about: dict with 'recipe', 'data', 'epochs' and 'metrics' of the run, where the model comes from one, and
            'class_names' where its labels have names.
    """
    element = model.element
    lines = [f"# {type(model).__name__}", ""]
    lines += [
        f"Exported {datetime.date.today()} by aae_tf {_version.__version__}. {element.about['inputs']}",
        "",
    ]
    if about:
        lines += ["## Training", "", f"Recipe `{about['recipe']}`, {about['epochs']} epochs, on {about['data']}.", ""]
    if about and about.get("class_names"):
        lines += [f"Labels, from 0: {', '.join(about['class_names'])}.", ""]
    if about and about["metrics"]:
        lines += ["## Measured on held-out images", "", "| measure | value | baseline | unit |", "|---|---|---|---|"]
        for name, measure in about["metrics"].items():
            baseline = f"{measure['baseline']:.4g}" if "baseline" in measure else ""
            lines.append(f"| {name} | {measure['value']:.4g} | {baseline} | {measure['unit']} |")
        lines.append("")
    lines += _column_table(model.image_scale) if element.entries else []
    lines += ["## Signatures", "", "| signature | inputs | outputs |", "|---|---|---|"]
    for name, signature in table.items():
        sides = [
            ", ".join(f"`{key}` {value['dtype']} {value['shape']}" for key, value in signature[side].items())
            for side in ("inputs", "outputs")
        ]
        lines.append(f"| `{name}` | {sides[0]} | {sides[1]} |")
    lines += ["", "## Weights", "", f"Stored in {precision}, computed with in float32."]
    if changes:
        lines += ["Greatest change of each output on real inputs:", ""]
        lines += [f"- `{name}`: {change:.2g}" for name, change in changes.items()]
    one = f"{element.article} {element.singular}"
    use = {"what": element.plural, "one": one, "shape": element.about["shape"]}
    return "\n".join([*lines, "", _USE.format(**use), ""])


def _column_table(scale):
    """Return the lines that say what each number of a row is, and what it is in the middle of the training rows."""
    lines = ["## Columns", "", f"Scaled within the graph ({scale.kind}).", "", "| entry | column | centre | spread |"]
    lines.append("|---|---|---|---|")
    kinds = [each.kind for each in scale.columns.columns for _ in each.entries]
    shift, spread = scale.shift.numpy(), scale.spread.numpy()
    for name, kind, centre, width in zip(scale.columns.entries, kinds, shift, spread, strict=True):
        numbers = {"real": f"{centre:.4g} | {width:.4g}", "count": f"{centre:.4g} | {width:.4g} of log(1 + count)"}
        lines.append(f"| {name} | {kind} | {numbers.get(kind, '|').strip()} |")
    return [*lines, ""]
