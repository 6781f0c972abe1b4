"""Every public name has a docstring by the house rules: summary, Args with shapes, Returns, Raises."""

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap

import pytest

ROOMS = (
    "",
    ".data",
    ".evaluation",
    ".figures",
    ".models",
    ".networks",
    ".priors",
    ".reporting",
    ".serving",
    ".training",
)
KERAS = {"build", "call", "get_config", "from_config"}  # Keras' own contract; `call` is told under "Call arguments"
ARRAYS = {
    "images",
    "outputs",
    "codes",
    "labels",
    "latent_points",
    "features",
    "z",
    "points",
    "samples",
    "heads",
    "real",
    "fake",
}


def public_face():
    """Yield (name, object, class it belongs to or None) of everything public, each once."""
    seen = set()
    for room in ROOMS:
        module = importlib.import_module("aae_tf" + room)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.ismodule(thing) or not callable(thing) or thing in seen:
                continue
            seen.add(thing)
            yield f"{module.__name__}.{name}", thing, None
            for member, value in vars(thing).items() if inspect.isclass(thing) else ():
                value = getattr(value, "__func__", value)  # of class methods and static methods
                if inspect.isfunction(getattr(value, "fget", value)) and not member.startswith("_"):
                    yield f"{module.__name__}.{name}.{member}", value, thing


FACE = {name: (thing, owner) for name, thing, owner in public_face()}


def sections(text):
    """Return the docstring's summary paragraph, and its sections by name."""
    parts = re.split(
        r"^(Args|Attributes|Call arguments|Returns|Yields|Raises|Example|Reference|References):[ \t]*$",
        text,
        flags=re.M,
    )
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return parts[0].strip().split("\n\n")[0], found


def entries(section):
    """Return a section's entries by name: 'a, b: text' and 'a: text' with its continued lines."""
    found = {}
    for entry in re.split(r"^(?=\S)", textwrap.dedent(section).strip("\n"), flags=re.M):
        names, _, text = entry.partition(":")
        found |= {name.strip().lstrip("*"): text for name in names.split(",")}
    return found


def told_by_bases(name, owner):
    """Return the sections, by name, that the methods which this one overrides have; None if it overrides none."""
    bases = [base for base in (owner.__mro__[1:] if owner else ()) if base.__module__.startswith("aae_tf")]
    texts = [inspect.cleandoc(vars(base)[name].__doc__ or "") for base in bases if name in vars(base)]
    return {title: text for each in reversed(texts) for title, text in sections(each)[1].items()} if texts else None


def parameters(thing):
    """Return the names of a callable's own parameters, those that collect the rest left out."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    signature = inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    return [
        name for name, each in signature.parameters.items() if each.kind not in kinds and name not in ("self", "cls")
    ]


def own_statements(tree):
    """Yield the nodes of a function's body, those of functions within it left out."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from own_statements(node)


def body(function):
    """Return (whether a function returns a value, names of the errors it raises itself)."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    returns, raised = False, set()
    for node in own_statements(tree):
        returns |= isinstance(node, ast.Return) and node.value is not None
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            raised.add(ast.unparse(node.exc.func))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "check_choice":
            raised.add("InputError")
    return returns, raised


@pytest.mark.parametrize("name", FACE)
def test_docstring(name):
    thing, owner = FACE[name]
    short = name.rpartition(".")[2]
    text = inspect.cleandoc(thing.__doc__ or "")
    summary, found = sections(text)
    assert summary, "no docstring"
    assert summary.rstrip().endswith((".", ":")), f"the summary is no sentence: {summary!r}"
    if isinstance(thing, property):
        return
    told = told_by_bases(short, owner)
    if not inspect.isclass(thing):
        returns, raised = body(thing)
        if returns and short not in KERAS and told is None:
            assert "Returns" in found or re.search(r"[Rr]eturns? ", summary), "what it returns is not said"
    else:
        made = vars(thing).get("__init__")
        raised = body(made)[1] if made is not None and not dataclasses.is_dataclass(thing) else set()
    told = told or {}
    for error in raised:
        said = found.get("Raises", "") + told.get("Raises", "")
        assert error in said or summary.startswith("Refuse"), f"raises {error}, and does not say so"
    if owner is not None and short in KERAS:
        assert short != "call" or "Call arguments" in sections(inspect.cleandoc(owner.__doc__))[1]
        return
    if inspect.isclass(thing) and (issubclass(thing, Exception) or "__init__" not in vars(thing)):
        return
    documented = {}
    for source in (told, found):
        for section in ("Args", "Attributes"):
            documented |= entries(source[section]) if section in source else {}
    if "__init__" in vars(thing) if inspect.isclass(thing) else False:
        for base in thing.__mro__[1:]:
            documented = entries(sections(inspect.cleandoc(base.__doc__ or ""))[1].get("Args", "")) | documented
    for parameter in parameters(thing):
        assert parameter in documented, f"'{parameter}' is not under Args"
        if parameter in ARRAYS and not inspect.isclass(thing):
            assert re.search(r"\[|a number", documented[parameter]), f"'{parameter}' is given without its shape"
