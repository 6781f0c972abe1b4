"""Registries: each the only list of its names, open to a user's own.

    @PRIORS.register("ring")
    class Ring(Prior): ...

makes 'ring' a prior that recipes and the command line know, its constructor's arguments settable and recorded. Nothing
here imports TensorFlow.
"""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from aae_tf.errors import InputError, check_choice

loaded_plugins = []  # in their order, for further processes to import


class Registry(Mapping):
    """Things by name.

    Args:
        what: what the names are of, for messages ('prior', 'measure').
        given: names of the things' arguments that are no options, because the house gives them (see
            `aae_tf.config.schema.options_of`).
        modules: dict of name to the module that defines the thing of that name, imported when it is asked for.

    Example:
        >>> LOSSES = Registry("loss")
        >>> @LOSSES.register
        ... def absolute(images, outputs): ...
        >>> sorted(LOSSES)
        ['absolute']
    """

    def __init__(self, what, given=(), modules=None):
        self.what, self.given = what, given
        self._known = dict.fromkeys(modules or ())
        self._ours = set(modules or ())
        self._modules = modules or {}

    def register(self, thing=None, name=None):
        """Add a thing; as a decorator too, with a name given or not.

        Args:
            thing: the class, function or object, or the name alone (`@REGISTRY.register("ring")`).
            name: its name; by default the thing's own.

        Returns:
            The thing, or a decorator where only a name was given.

        Raises:
            InputError: one of ours has that name; yours may be registered again (a cell that is run again).
        """
        if thing is None or isinstance(thing, str):
            return lambda found: self.register(found, thing or name)
        name = name or thing.__name__
        ours = _caller().startswith("aae_tf.")
        if name in self._ours and not ours:
            raise InputError(f"there is a {self.what} '{name}' already; register yours by another name")
        if ours:
            self._ours.add(name)
        self._known[name] = thing
        return thing

    def check(self, name, value):
        """Return the value, a name of this registry.

        Args:
            name: what it is called, for the message.
            value: a name.

        Raises:
            InputError: there is no thing of that name.
        """
        return check_choice(name, value, self._known)

    def __getitem__(self, name):
        check_choice(self.what, name, self._known)
        if self._known[name] is None:
            self._known[name] = getattr(importlib.import_module(self._modules[name]), name)
        return self._known[name]

    def __contains__(self, name):
        return name in self._known

    def __iter__(self):
        return iter(self._known)

    def __len__(self):
        return len(self._known)


def _caller():
    """Return the name of the module that registers."""
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] == __name__:
        frame = frame.f_back
    return frame.f_globals["__name__"]


def load_plugin(plugin):
    """Import a Python file or a module, so that what it registers is known.

    Args:
        plugin: path of a .py file, or a module's name.

    Raises:
        InputError: there is none.
    """
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
