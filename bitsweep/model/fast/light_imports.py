"""Imports of torch and transformers' model classes, without the parts that a run never uses.

torch's compiler, its export, its distributed tensors and scipy take half of the seconds from a process's start to its
first step. transformers and torch import them only to decorate functions, to name types or to register what the
compiler calls. A script that has to start quickly imports this module before any other that imports torch.
"""

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Only tensors without data (on the device "meta") and exported programs need these modules.
REGISTRATIONS = ("torch._meta_registrations", "torch.export")
COMPILER = ("torch._dynamo", "torch._dynamo._trace_wrapped_higher_order_op")
OPTIONAL = ("scipy", "sklearn")


class Placeholder(types.ModuleType):
    """A module whose every attribute is a decorator that does nothing, with or without arguments."""

    __path__ = ()

    def __getattr__(self, name: str) -> Callable:
        if name.startswith("__"):
            raise AttributeError(name)

        def decorator(*arguments: Any, **_: Any) -> Any:
            return arguments[0] if arguments and callable(arguments[0]) else lambda function: function

        return decorator


@contextmanager
def light_imports() -> Iterator[None]:
    """Replace the compiler by a placeholder within the block, and let distributed tensors and scipy seem not installed.

    What has been imported already stays as it is. After the block everything can be imported as usual.
    """
    import torch

    hidden = {name: Placeholder(name) for name in COMPILER if "torch._dynamo" not in sys.modules}
    hidden |= {name: None for name in OPTIONAL if name not in sys.modules}
    distributed_is_available = torch.distributed.is_available
    sys.modules.update(hidden)
    if "torch._dynamo" in hidden:
        torch._dynamo = hidden["torch._dynamo"]
    torch.distributed.is_available = lambda: False
    try:
        yield
    finally:
        torch.distributed.is_available = distributed_is_available
        if "torch._dynamo" in hidden:
            del torch._dynamo
        for name in hidden:
            del sys.modules[name]


def import_torch() -> None:
    """Import torch without what it registers for its compiler; do nothing where torch has been imported already."""
    if "torch" in sys.modules:
        return
    sys.modules.update({name: Placeholder(name) for name in REGISTRATIONS})
    try:
        import torch  # noqa: F401
    finally:
        for name in REGISTRATIONS:
            del sys.modules[name]


import_torch()
