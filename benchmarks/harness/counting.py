# SPDX-License-Identifier: MIT
"""How many instructions work takes, as valgrind's cachegrind counts them: the same each time.

One process is started for each implementation. It imports, and then forks for each
measurement: a child makes its input, takes it once to warm up, takes it so many times,
and is gone. What two children that take it n times and 2n times differ by is the work
alone, and the little that the first process does between the two: start-up, imports, the input
and the warming up are in both. Being forked from the same process, no path disturbs another.

What makes a count the same each time, on a machine however busy:
- the hash seed is fixed, and the environment holds nothing but what is set here, so that the
  stack begins at the same place. Valgrind lays out the memory of what it runs by itself: the
  system's randomization of addresses does not come into it;
- the collector runs, but finds nothing of the first process and begins from nothing in each child;
- the C library is kept from choosing its functions by the processor.

What makes it hardly change with what is not the path: memory is the C library's. Python's own
allocator takes up to 5 % more where the objects of a loop lie at the end of one of its pools,
and any change of any module moves them.

What is left: CPython finds what a type has by a cache whose places follow from addresses, and two
names on one place are looked up each time. What moves everything, as one more file in the folder
of the checkout does, may bring two together: 3 % of a path. So all can be moved.

May import: processes.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from platform import libc_ver, machine, python_build, python_compiler
from typing import Any, Callable

from .processes import ROOT

# Seconds for all measurements of one implementation: they take 30 on a quiet machine.
LIMIT = 600

# glibc takes other functions to copy and search memory where the processor has more than SSE2,
# and other thresholds where its caches are larger: both would be counted.
_TUNABLES = (
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,"
    "-BMI2,-ERMS,-FSRM,-SSSE3,-SSE4_1,-SSE4_2,-Fast_Unaligned_Copy,-MOVBE,-LZCNT"
    ":glibc.cpu.x86_data_cache_size=0x8000:glibc.cpu.x86_shared_cache_size=0x100000"
    ":glibc.cpu.x86_rep_movsb_threshold=0x10000000:glibc.cpu.x86_rep_stosb_threshold=0x10000000"
    # What is freed is kept by size, however much it is, and given out again in a few steps.
    ":glibc.malloc.tcache_count=65535"
    ":glibc.malloc.mmap_threshold=0x4000000:glibc.malloc.trim_threshold=0x40000000"
)


class CannotCount(Exception):
    """Nothing was counted; the text says why, and what to do."""


# --- where counts are the same


def where() -> dict[str, str]:
    """Return what decides how many instructions the same sources take."""
    flags = " ".join(
        str(sysconfig.get_config_var(name)) for name in ("OPT", "PY_CFLAGS", "PY_CORE_CFLAGS")
    )
    # Without folders: where it was installed does not count.
    flags = re.sub(r"\S*/\S*", "", flags)
    build = f"{python_compiler()}, flags {sha256(flags.encode()).hexdigest()[:8]}"
    if "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")):
        # Optimized by a profile, no two builds are the same.
        build += f", {' '.join(python_build())}"
    return {
        "python": f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}",
        "built": build,
        "compiled": compiler_of("ssewire._parser_cy"),
        "libc": " ".join(libc_ver()),
        "machine": machine(),
    }


def compiler_of(module: str) -> str:
    """Return which compiler made a module of C, as it says itself; "none" if it was never built."""
    try:
        file = import_module(module).__file__
    except ModuleNotFoundError:
        return "none"
    assert file is not None
    return compiler_in(Path(file).read_bytes())


def compiler_in(code: bytes) -> str:
    """Return the compiler that is named in a compiled file: what `.comment` says."""
    found = re.findall(rb"(GCC: \([^)\0]{1,80}\) [\d.]+|clang version [\d.]+)", code)
    return ", ".join(sorted({each.decode() for each in found})) or "unknown"


# --- counting


def counts(module: str, implementation: str, seed: int = 0, moved: int = 0) -> dict[str, float]:
    """Return instructions a unit of each path of a program.

    Args:
        module: the program, which answers `--count` by calling `count`.
        implementation: "python" or "cython".
        seed: of the hashes of str, which decides where entries of dicts lie.
        moved: what is allocated lies elsewhere for each number.

    Raises:
        CannotCount: there is no valgrind, or the process failed or took too long.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is not installed; Debian's package is `valgrind`")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            valgrind,
            "--quiet",
            "--tool=cachegrind",
            "--cache-sim=no",
            f"--cachegrind-out-file={folder}/%p",
            sys.executable,
            "-s",
            "-m",
            module,
            "--count",
        ]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=_environment(implementation, seed, moved),
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            raise CannotCount(f"counting took over {LIMIT} s ({implementation})") from None
        if done.returncode:
            raise CannotCount(f"the process that is counted failed:\n{done.stderr.strip()}")
        return {
            name: (_total(folder, twice) - _total(folder, once)) / units
            for name, (once, twice, units) in json.loads(done.stdout).items()
        }


def _environment(implementation: str, seed: int, moved: int) -> dict[str, str]:
    import ssewire

    environment = {
        "PYTHONPATH": str(Path(ssewire.__file__).resolve().parent.parent),
        "PYTHONHASHSEED": str(seed),
        # A first run would be another if it wrote them.
        "PYTHONDONTWRITEBYTECODE": "1",
        "SSEWIRE_PARSER": implementation,
        "PYTHONMALLOC": "malloc",
        "GLIBC_TUNABLES": _TUNABLES,
        "LC_ALL": "C.UTF-8",
    }
    if moved:
        # Kept by `os.environ`, before nearly all else that is allocated.
        environment["SSEWIRE_MOVED"] = "x" * (1000 * moved)
    return environment


def _total(folder: str, pid: int) -> int:
    return total((Path(folder) / str(pid)).read_text())


def total(text: str) -> int:
    """Return the instructions that a file of cachegrind's sums up."""
    found = re.search(r"^summary: +(\d+)", text, re.MULTILINE)
    if found is None:
        raise CannotCount("valgrind wrote no sum; is its version older than 3.13?")
    return int(found[1])


def count(paths: Mapping[str, tuple[Callable[[], Callable[[], int]], int]]) -> None:
    """Be the process that is counted: print which of its children did what.

    Args:
        paths: name -> what makes the work, and how often it is done.
    """
    gc.collect()
    gc.freeze()
    # What this process does the first time is not to be counted with the first path.
    _child(lambda: lambda: 1, 1)
    children: dict[str, Any] = {}
    for name, (make, passes) in paths.items():
        once, units = _child(make, passes)
        twice, _ = _child(make, 2 * passes)
        children[name] = (once, twice, units * passes)
    print(json.dumps(children))


def _child(make: Callable[[], Callable[[], int]], passes: int) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work = make()
            units = work()
            gc.collect()
            for _ in range(passes):
                assert work() == units, "the second time is another"
            os.write(writer, str(units).encode())
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    os.close(writer)
    answer = os.read(reader, 20)
    os.close(reader)
    _, failed = os.waitpid(pid, 0)
    if failed:
        raise SystemExit("a path failed")
    return pid, int(answer)
