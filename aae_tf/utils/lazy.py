"""What is imported when it is first used: public names of packages (PEP 562), and classes that Keras finds in files.

`import aae_tf` does not import Keras. Each class is registered when Keras is imported, by a stand-in that imports the
class when a file needs it; the module then registers the class itself.
"""

import importlib
import importlib.abc
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package, from a dict of public name to the module that has it."""

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module = importlib.import_module(homes[name])
        return module if homes[name] == f"{package}.{name}" else getattr(module, name)

    def names() -> list[str]:
        return sorted(importlib.import_module(package).__all__)

    return load, names


class _StandIn:
    """Stands for a class that is not imported yet."""

    def __init__(self, name: str, module: str):
        self.name, self.module = name, module

    def from_config(self, config: dict[str, Any]) -> Any:
        """Return the object of the class that the config describes."""
        return getattr(importlib.import_module(self.module), self.name).from_config(config)


def register_on_import(package: str, modules: Mapping[str, str]) -> None:
    """Register classes, from names to their modules, with Keras, now or as soon as it is imported."""

    def register(keras):
        known = keras.saving.get_custom_objects()
        for name, module in modules.items():
            known.setdefault(f"{package}>{name}", _StandIn(name, module))

    if "keras" in sys.modules:
        register(sys.modules["keras"])
    else:
        sys.meta_path.insert(0, _OnImport("keras", register))


class _OnImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Calls a function with a module right after its first import."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]):
        self.name, self.then = name, then

    def find_spec(self, name, path=None, target=None):
        """Return the module's spec with this loader around its own; see `importlib.abc.MetaPathFinder`."""
        if name != self.name:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        """Return the module of the loader itself."""
        return self.loader.create_module(spec)

    def exec_module(self, module):
        """Execute the module, then call the function."""
        sys.meta_path.remove(self)
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.then(module)
