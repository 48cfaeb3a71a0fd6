# SPDX-License-Identifier: MIT
"""Say which compiled modules this process uses.

SSEWIRE_PARSER is read once, at import: "auto" takes the compiled modules where
they were built, "python" never, "cython" insists. Only a module that was
never built may be passed over, or that another interpreter of this process or an
earlier import of this package holds; a broken or outdated one is not slow, it is wrong,
and stops the import.
May import: _limits, os.
"""

from __future__ import annotations

import os
import sys

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
            from other sources than the ones beside it, or cannot be had
            though SSEWIRE_PARSER=cython insists on it.
    """
    if _choice == "python":
        return None
    # Not __package__: out of a zip file Python 3.9 sets it when the module is through.
    package = __name__.rpartition(".")[0]
    full_name = f"{package}.{name}"
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
        if _is_for_one_interpreter(exc):
            why = "can be loaded by one interpreter of a process only, and this is another"
            _do_without(full_name, why, exc)
            return None
        raise ImportError(
            f"the compiled module {full_name} is broken ({exc}); "
            "reinstall ssewire, or set SSEWIRE_PARSER=python to do without it"
        ) from exc
    if getattr(module, "CONTRACT", None) != contract:
        raise ImportError(
            f"the compiled module {full_name} is out of date; "
            "reinstall ssewire, or set SSEWIRE_PARSER=python to do without it"
        )
    # Taken out of sys.modules and imported again, a compiled module is the same as before: it
    # knows the classes of the other import, their streams, errors and MISSING.
    home = sys.modules.get(package)
    if vars(module).setdefault("_home", home) is not home:
        _do_without(full_name, "belongs to an earlier import of ssewire in this process")
        return None
    return module


def _do_without(full_name: str, why: str, cause: ImportError | None = None) -> None:
    """Have Python used in the place of a compiled module, unless the caller insists on that."""
    if _choice == "cython":
        raise ImportError(f"SSEWIRE_PARSER=cython, but {full_name} {why}") from cause
    _debug("%s %s: Python is used here", full_name, why)


def _is_for_one_interpreter(exc: ImportError) -> bool:
    """Say whether a module cannot be loaded because this is a second interpreter.

    Its state and its types are the process's: docs/design/0001-two-parsers.md says why.
    """
    # CPython's words, from 3.12 on, and Cython's.
    if any(words in str(exc) for words in ("in subinterpreters", "one interpreter per process")):
        return True
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters = __import__(name)
        except ImportError:
            continue
        # Both are numbers, or tuples that begin with one.
        return bool(interpreters.get_current() != interpreters.get_main())
    return False


def _debug(text: str, *arguments: object) -> None:
    # Who has not imported logging has not asked to see a debug line.
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.getLogger("ssewire").debug(text, *arguments)


compiled_parser = load_compiled("_parser_cy", PARSER_CONTRACT)
IMPLEMENTATION = "python" if compiled_parser is None else "cython"
"""Which parser and event class this process uses: `"cython"` or `"python"`."""
