"""Which faults the tests would miss: one small fault at a time is put into the code, and its tests must fail.

    python benchmarks/mutation.py --sample 200 --json mutation.json
    python benchmarks/mutation.py --sample 200 --own --json first.json
    python benchmarks/mutation.py --again first.json
    python benchmarks/mutation.py --quick
    python benchmarks/mutation.py --only coindex/joint.py

Mutants are those of DeMillo, Lipton and Sayward, "Hints on test data selection" (1978): another comparison, operator or
constant, a condition turned round, a step or an error left out. Declarations, annotations and the words of errors are
left alone. A mutant lives in one process, which is forked with the libraries loaded: the file itself is never touched.
Its module's tests run first, then the folder's quick ones and its slow ones, up to the first failure. A mutant is
*killed* by a failure, or by running much longer than the tests do unchanged; it *survives* where all pass. Tests that
start processes of their own run them without the fault.

The sample is drawn anew with `--seed`. Survivors that were looked at, and why they stand, are in docs/mutation.md.
"""

import argparse
import ast
import importlib.machinery
import importlib.util
import json
import math
import operator
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
TESTS_OF = {
    "coindex/catalog": ("tests/coindex/catalog",),
    "coindex/sync": ("tests/coindex/sync",),
    "coindex/open_set.py": ("tests/coindex/test_open_set.py",),
    "coindex/joint.py": ("tests/coindex/test_joint.py",),
}
"""What is broken, and the tests that should notice."""

LIBRARIES = (
    *("numpy", "cv2", "hnswlib", "PIL.Image", "ai_edge_litert.interpreter", "requests", "tuf.api.metadata"),
    *("hypothesis", "pytest", "xdist.plugin", "platformdirs", "rich.progress", "concurrent.futures.thread"),
)
"""Loaded once, before the forks; of the code under test nothing is."""

PYTEST = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0")
LONGER, PATIENCE = 5, 20
"""Times the processor's seconds of the unchanged tests, after which a mutant is taken for an endless loop; and times
their seconds by the clock, after which it is taken to wait for ever, whatever else the machine is doing."""

NOT_RUN = 4
"""pytest's exit code where it did not come to the tests: its settings or the paths are wrong."""

QUICK_SAMPLE, QUICK_SECONDS = 8, 40

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A fault by its place: the file, its line, the number of the change within the file, and what it does."""

    file: str
    line: int
    number: int
    change: str


@dataclass(frozen=True)
class Result:
    """What became of a mutant: `killed`, `timed out` or `survived`."""

    mutant: Mutant
    outcome: str
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--only", nargs="+", default=list(TESTS_OF), metavar="PATH", help="files or folders of these")
    parser.add_argument("--sample", type=int, help="mutants to try, drawn evenly from all; all without it")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further mutant after these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--own", action="store_true", help="run a module's own tests alone; more mutants survive")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try the survivors of an earlier --json alone")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SAMPLE} mutants of joint.py and open_set.py")
    options = parser.parse_args(arguments)
    only, sample, seconds = options.only, options.sample, options.seconds
    if options.quick:
        only, sample, seconds = ["coindex/open_set.py", "coindex/joint.py"], QUICK_SAMPLE, QUICK_SECONDS
    load_libraries()
    every = [mutant for part in only for file in files_of(part) for mutant in mutants_of(file)]
    if options.again:
        found = json.loads(options.again.read_text("utf-8"))["results"]
        every = [Mutant(**each["mutant"]) for each in found if each["outcome"] == "survived"]
    chosen = random.Random(options.seed).sample(every, min(sample or len(every), len(every)))
    console = Console(stderr=True)
    results = list(tried(chosen, seconds, console, own=options.own))
    report(every, results, Console(width=120))
    if options.json:
        document = {"mutants": len(every), "tried": len(results), "results": [asdict(each) for each in results]}
        options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0


def load_libraries() -> None:
    """Load what the tests need and is not under test, with one thread, so that forks are quick and safe."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    os.chdir(ROOT)
    for name in LIBRARIES:
        import_module(name)
    if loaded := [name for name in sys.modules if name.partition(".")[0] == "coindex"]:
        raise SystemExit(f"{loaded[0]} was loaded before it could be broken")


def files_of(part: str) -> list[str]:
    """The modules of one of `TESTS_OF`, as paths from the root."""
    path = ROOT / part
    found = sorted(path.glob("*.py")) if path.is_dir() else [path]
    return [file.relative_to(ROOT).as_posix() for file in found if file.name != "__init__.py"]


def part_of(file: str) -> str:
    """Which of `TESTS_OF` a file is in."""
    for part in TESTS_OF:
        if file.startswith(part):
            return part
    raise SystemExit(f"{file} is in none of {', '.join(TESTS_OF)}; add it to TESTS_OF with its tests")


def tests_of(file: str) -> list[str]:
    """The test file of a module by its name, where there is one."""
    found = [Path(folder) / f"test_{Path(file).stem}.py" for folder in TESTS_OF[part_of(file)]]
    return [path.as_posix() for path in found if (ROOT / path).is_file()]


def mutants_of(file: str) -> Iterator[Mutant]:
    """Every fault that can be put into a file."""
    for number, (line, said, _) in enumerate(changes(ast.parse((ROOT / file).read_text("utf-8")))):
        yield Mutant(file, line, number, said)


def broken(mutant: Mutant) -> ast.Module:
    """The file's tree with the fault in it."""
    tree = ast.parse((ROOT / mutant.file).read_text("utf-8"))
    for number, (_, _, apply) in enumerate(changes(tree)):
        if number == mutant.number:
            apply()
            return ast.fix_missing_locations(tree)
    raise ValueError(f"{mutant.file} has no change {mutant.number}")


Change = tuple[int, str, Callable[[], None]]
"""The line, what is said of it, and what does it to the tree."""


def changes(tree: ast.Module) -> Iterator[Change]:
    """All changes of a tree, in a fixed order."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                yield from _of(statement)
            yield from _left_out(function)


def _of(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, (ast.FunctionDef, ast.Raise)):
        return  # a function within has its own turn; of an error the words do not matter
    yield from _of_one(node)
    yield from _left_out(node)
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "type_comment"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _of(child)


def _of_one(node: ast.AST) -> Iterator[Change]:
    def change(said: str, name: str, value: object) -> Change:
        return node.lineno, said, lambda: setattr(node, name, value)  # type: ignore[attr-defined]

    match node:
        case ast.Compare(ops=[one]):
            other = COMPARISONS[type(one)]
            yield change(f"{ast.unparse(node)}: {type(one).__name__} → {other.__name__}", "ops", [other()])
        case ast.BinOp(op=one) | ast.AugAssign(op=one) if type(one) in OPERATORS:
            swapped = OPERATORS[type(one)]
            yield change(f"{ast.unparse(node)}: {type(one).__name__} → {swapped.__name__}", "op", swapped())
        case ast.BoolOp(op=ast.And()):
            yield change(f"{ast.unparse(node)}: and → or", "op", ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield change(f"{ast.unparse(node)}: or → and", "op", ast.And())
        case ast.Constant(value=bool(value)):
            yield change(f"{value} → {not value}", "value", not value)
        case ast.Constant(value=int(value)):
            yield change(f"{value} → {value + 1}", "value", value + 1)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield change(f"not ({ast.unparse(test)})", "test", ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield change(f"return {ast.unparse(value)} → None", "value", ast.Constant(None))


def _left_out(node: ast.AST) -> Iterator[Change]:
    """Steps, errors and jumps of a block, each replaced by nothing."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if not isinstance(block, list):
            continue
        for place, statement in enumerate(block):
            call = isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant)
            if call or isinstance(statement, (ast.Raise, ast.Continue, ast.Break, ast.AugAssign)):
                line = ast.unparse(statement).partition("\n")[0]
                yield statement.lineno, f"left out: {line}", partial(operator.setitem, block, place, ast.Pass())


def tried(mutants: Sequence[Mutant], seconds: float, console: Console, *, own: bool) -> Iterator[Result]:
    """Each mutant's fate, for as long as there is time to begin one."""
    began, limits = time.monotonic(), dict[str, tuple[float, float]]()
    for number, mutant in enumerate(mutants, 1):
        if time.monotonic() - began > seconds:
            return
        part = mutant.file if own and tests_of(mutant.file) else part_of(mutant.file)
        if part not in limits:
            outcome, took, computed = run_tests(mutant.file, own=own)
            if outcome != "survived":
                raise SystemExit(f"the tests of {part} fail without a fault; mend them first")
            limits[part] = 5 + LONGER * computed, 60 + PATIENCE * took
        outcome, took, _ = run_tests(mutant.file, mutant, limits[part], own=own)
        console.print(
            f"{number}/{len(mutants)} {mutant.file}:{mutant.line} {outcome} in {took:.0f} s: {mutant.change}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        yield Result(mutant, outcome, round(took, 2))


def run_tests(
    file: str, mutant: Mutant | None = None, limits: tuple[float, float] = (3600, 3600), *, own: bool
) -> tuple[str, float, float]:
    """The fate of a file's tests in a fork, their seconds by the clock and those of the processor. `limits` are in
    seconds of the processor, and by the clock."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _tests_in_this_process(file, mutant, math.ceil(limits[0]), own)
    ended = 0
    while not ended and time.monotonic() - began < limits[1]:
        ended, status, used = os.wait4(child, os.WNOHANG)
        time.sleep(0.02)
    if not ended:
        os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == NOT_RUN:
        raise SystemExit(f"pytest could not run the tests of {file}; run it by itself to see why")
    outcome = "survived" if code == 0 else "timed out" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "killed"
    return outcome, time.monotonic() - began, used.ru_utime + used.ru_stime


def _tests_in_this_process(file: str, mutant: Mutant | None, seconds: int, own: bool) -> None:
    import pytest

    code = 1  # whatever goes wrong here was the mutant's doing
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        folder = TESTS_OF[part_of(file)]
        first = tests_of(file)
        stages = [first] if own and first else [[*first, *folder, "-m", "not slow"], [*folder, "-m", "slow"]]
        for tests in stages[: 1 if own else None]:
            code = int(pytest.main([*PYTEST, *tests]))
            if code == pytest.ExitCode.NO_TESTS_COLLECTED:
                code = 0
            if code:
                break
    finally:
        os._exit(code)


class _Finder(importlib.machinery.PathFinder):
    """Gives one module with the fault in it; the others are found as ever."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = mutant.file.removesuffix(".py").replace("/", ".")
        self._path = str(ROOT / mutant.file)
        self._tree = broken(mutant)

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def, override]
        if fullname != self._name:
            return None
        loader = _Loader(fullname, self._path)
        loader.tree = self._tree
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    tree: ast.Module

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        return compile(self.tree, self.path, "exec")


def report(every: Sequence[Mutant], results: Sequence[Result], console: Console) -> None:
    """A line a file, and each survivor by its place."""
    table = Table("file", *(name for name in ("mutants", "tried", "killed", "timed out", "survived")))
    for file in sorted({mutant.file for mutant in every}):
        own = [result for result in results if result.mutant.file == file]
        count = {
            outcome: sum(each.outcome == outcome for each in own) for outcome in ("killed", "timed out", "survived")
        }
        table.add_row(file, *map(str, (sum(mutant.file == file for mutant in every), len(own), *count.values())))
    total = [sum(each.outcome == outcome for each in results) for outcome in ("killed", "timed out", "survived")]
    table.add_row("all", *map(str, (len(every), len(results), *total)), style="bold")
    console.print(table)
    for result in results:
        if result.outcome == "survived":
            mutant = result.mutant
            console.print(f"{mutant.file}:{mutant.line} {mutant.change}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
