"""Registries: the names that recipes and options accept, which users extend. Nothing here imports TensorFlow."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aae_tf.errors import InputError, check_choice

loaded_plugins: list[str] = []  # in their order, for further processes to import


class Registry(Mapping):
    """Things by name.

    Args:
        what: what the names are of, for messages ('prior', 'metric').
        given: names of arguments of the things that are no options, because the library sets them (see
            `aae_tf.config.schema.options_of`).
        modules: dict of name to the module that defines the thing of that name, imported when it is first used.

    Example:
        >>> LOSSES = Registry("loss")
        >>> @LOSSES.register
        ... def absolute(images, outputs): ...
        >>> sorted(LOSSES)
        ['absolute']
    """

    def __init__(self, what: str, given: tuple[str, ...] = (), modules: dict[str, str] | None = None):
        self.what, self.given, self._modules = what, given, modules or {}
        self._known = dict.fromkeys(self._modules)

    def register(self, thing: Any = None, name: str | None = None, override: bool = False) -> Any:
        """Return a thing after adding it; also a decorator, with or without a name. Its arguments become options.

        Args:
            thing: class, function or object; or the name alone (`@REGISTRY.register("ring")`).
            name: its name; by default the thing's own.
            override: whether it may replace another thing of this name.

        Raises:
            InputError: another thing has this name; the same one may be registered again, as when a cell is run again.
        """
        if thing is None or isinstance(thing, str):
            return lambda found: self.register(found, thing or name, override)
        name = name or thing.__name__
        if name in self._known and not override and not self._is(name, thing):
            raise InputError(
                f"there is a {self.what} '{name}' already; register yours by another name, or with override=True"
            )
        self._known[name] = thing
        return thing

    def _is(self, name, thing):
        """Return whether a thing is defined where the one of this name is."""
        known = self._known[name]
        return self._modules[name] == thing.__module__ if known is None else _definition(known) == _definition(thing)

    def check(self, name: str, value: str) -> str:
        """Return the value of the option `name`, which must be a name of this registry."""
        return check_choice(name, value, self._known)

    def __getitem__(self, name: str) -> Any:
        check_choice(self.what, name, self._known)
        if self._known[name] is None:
            self._known[name] = getattr(importlib.import_module(self._modules[name]), name)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _definition(thing):
    """Return where a class or function is defined; of an object its class and the functions that it holds."""
    if hasattr(thing, "__qualname__"):
        return thing.__module__, thing.__qualname__
    held = [*getattr(thing, "__dict__", {}).values(), getattr(thing, "func", None)]
    return _definition(type(thing)), *(_definition(each) for each in held if hasattr(each, "__qualname__"))


def load_plugin(plugin: str) -> None:
    """Import a .py file, by its path, or a module, by its name, so that what it registers is known."""
    try:
        if plugin.endswith(".py"):
            spec = importlib.util.spec_from_file_location(f"aae_tf_plugin_{Path(plugin).stem}", plugin)
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        else:
            importlib.import_module(plugin)
    except Exception as error:  # whatever the user's file raises
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"--plugin {plugin} cannot be imported ({what}); accepted: a .py file or a module") from None
    loaded_plugins.append(plugin)
