"""Say which compiled modules this process uses.

SSEWIRE_PARSER is read once, at import: "auto" takes the compiled modules where
they were built, "python" never, "cython" insists. Only a module that was
never built may be passed over; a broken or outdated one is not slow, it is
wrong, and stops the import. May import: _limits, os.
"""

from __future__ import annotations

import os

from ._limits import PARSER_CONTRACT

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from types import ModuleType

_choice = os.environ.get("SSEWIRE_PARSER") or "auto"
if _choice not in ("auto", "python", "cython"):
    raise ImportError(f"SSEWIRE_PARSER must be auto, python or cython, not {_choice!r}")


def load_compiled(name: str, contract: int) -> ModuleType | None:
    """Return the compiled module `name` of this package; None where Python is to be used.

    Raises:
        ImportError: the module is broken, lacks something it needs, was built
            from other sources than the ones beside it, or is absent though
            SSEWIRE_PARSER=cython insists on it.
    """
    if _choice == "python":
        return None
    full_name = f"{__package__}.{name}"
    try:
        module = __import__(full_name, fromlist=["CONTRACT"])
    except ModuleNotFoundError as exc:
        if exc.name != full_name:
            raise
        if _choice == "cython":
            raise ImportError(
                f"SSEWIRE_PARSER=cython, but {full_name} was never built; "
                "install with SSEWIRE_BUILD_EXTENSION=require to see why"
            ) from exc
        return None
    except ImportError as exc:
        raise ImportError(
            f"the compiled module {full_name} is broken ({exc}); "
            "reinstall ssewire, or set SSEWIRE_PARSER=python to do without it"
        ) from exc
    if getattr(module, "CONTRACT", None) != contract:
        raise ImportError(
            f"the compiled module {full_name} is out of date; "
            "reinstall ssewire, or set SSEWIRE_PARSER=python to do without it"
        )
    return module


compiled_parser = load_compiled("_parser_cy", PARSER_CONTRACT)
IMPLEMENTATION = "python" if compiled_parser is None else "cython"
