"""The thin client of f5d: `f5ctl.say`, `f5ctl.stream`, and what `f5ctl` the command is made of.

Importing it, or any part of it, never imports numpy or torch; importing it alone imports nothing.
"""

__version__ = "0.1.0"
__all__ = ["Audio", "Stream", "__version__", "say", "stream"]

TYPE_CHECKING = False  # type checkers take it for True; importing typing would take time
if TYPE_CHECKING:
    from f5ctl.api import Audio, Stream, say, stream

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module("f5ctl.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
