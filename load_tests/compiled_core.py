"""
Compiles a copy of the plain book, with `core_loop.pyx` beside it, into a folder of one's own.

The shipped build is portable. What is compared with a C++ book, counted in instructions, or run
under sanitizers is compiled here instead, with flags that the caller names, and leaves no trace in
the tree. Only the modules that `OrderBook` needs are taken.
"""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = (
    "errors",
    "parties",
    "origins",
    "pool",
    "price_levels",
    "queues",
    "plan",
    "auction",
    "book_bytes",
    "results",
    "order_book",
    "batch",
)
"""What the plain book consists of."""

FAST = ("-O3", "-march=x86-64-v3")
"""For both sides of a comparison; every server processor since 2013 or so runs it."""


def copy_core(folder: Path, modules: Sequence[str] = MODULES) -> Path:
    """A copy of the plain book's sources in `folder`, for whoever changes them; the package."""
    package = folder / "matching_core"
    package.mkdir(parents=True)
    for source in (ROOT / "matching_core").iterdir():
        is_ours = source.suffix == ".pyx" and source.stem in modules
        if is_ours or source.suffix in (".pxd", ".py"):
            shutil.copy(source, package)
    shutil.copy(ROOT / "load_tests" / "core_loop.pyx", folder)
    return package


def compile_core(folder: Path, flags: Sequence[str]) -> None:
    """Makes `matching_core` and `core_loop` importable from a folder of `copy_core`."""
    package = folder / "matching_core"
    compile_sources(
        folder, [*(package / f"{name}.pyx" for name in MODULES), folder / "core_loop.pyx"], flags
    )


def compile_sources(folder: Path, sources: Sequence[Path], flags: Sequence[str]) -> None:
    """Compiles some of the modules in a folder of `copy_core`, each to where its source is."""
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda source: _compile_module(folder, source, flags), sources))


def compile_textbook(folder: Path, flags: Sequence[str]) -> Path:
    """The shared library of the C++ book."""
    library = folder / "textbook_book.so"
    source = ROOT / "load_tests" / "textbook_book.cpp"
    _run("g++", "-std=c++17", "-shared", "-fPIC", *flags, str(source), "-o", str(library))
    return library


def _compile_module(folder: Path, source: Path, flags: Sequence[str]) -> None:
    c_file = source.with_suffix(".c")
    name = str(source.relative_to(folder))
    _run(sys.executable, "-m", "cython", "-3", name, "-o", str(c_file), folder=folder)
    extension = source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    include = sysconfig.get_path("include")
    # As Python builds extensions, apart from the level of optimisation.
    base = ("-shared", "-fPIC", "-fwrapv", "-DNDEBUG", "-g", f"-I{include}")
    _run("gcc", *base, *flags, str(c_file), "-o", str(extension))


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
