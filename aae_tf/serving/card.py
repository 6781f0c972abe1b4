"""What lies beside an exported graph for people and programs: the model card, and the signatures as JSON."""

import datetime

from aae_tf import _version

_USE = """## Intended use

Research, teaching and prototypes on images like those it was trained on: {shape} arrays in [0, 1]. `score` says how
well an image is reconstructed; images of another kind get codes and classes too, and those mean nothing.

## Limits

Learned from one dataset, with its gaps and its errors. Not tested against adversarial inputs. Not for decisions
about people."""


def signature_table(found):
    """Return signatures.json's content: for each signature its inputs and outputs by name, with dtype and shape.

    Args:
        found: dict of signature name to its `ConcreteFunction`.
    """

    def describe(specs):
        return {
            name: {"dtype": spec.dtype.name, "shape": [-1 if size is None else size for size in spec.shape]}
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
        about: dict with 'recipe', 'data', 'epochs' and 'measures' of the run, where the model comes from one, and
            'class_names' where its labels have names.
    """
    shape = " x ".join(str(size) for size in model.get_build_config()["input_shape"][1:])
    lines = [f"# {type(model).__name__}", ""]
    lines += [
        f"Exported {datetime.date.today()} by aae_tf {_version.__version__}. Images: {shape}, float32 in [0, 1].",
        "",
    ]
    if about:
        lines += ["## Training", "", f"Recipe `{about['recipe']}`, {about['epochs']} epochs, on {about['data']}.", ""]
    if about and about.get("class_names"):
        lines += [f"Labels, from 0: {', '.join(about['class_names'])}.", ""]
    if about and about["measures"]:
        lines += ["## Measured on held-out images", "", "| measure | value | yardstick | unit |", "|---|---|---|---|"]
        for name, measure in about["measures"].items():
            yardstick = f"{measure['yardstick']:.4g}" if "yardstick" in measure else ""
            lines.append(f"| {name} | {measure['value']:.4g} | {yardstick} | {measure['unit']} |")
        lines.append("")
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
    return "\n".join([*lines, "", _USE.format(shape=shape), ""])
