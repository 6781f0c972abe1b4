"""No module of the package imports itself through others."""

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_modules_do_not_import_each_other():
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / "aae_tf").rglob("*.py")}
    imports = {name.removesuffix(".__init__"): set() for name in files}
    for name, path in files.items():
        for node in ast.parse(path.read_text()).body:  # what runs when a module is imported
            if isinstance(node, ast.ImportFrom):
                found = {f"{node.module}.{each.name}" for each in node.names} & imports.keys() or {node.module}
                imports[name.removesuffix(".__init__")] |= found & imports.keys()
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which has the cycle
