"""A public function names each error that it raises under `Raises:`, in its docstring or in that of its class."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from coindex import errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("coindex", "catalog_server", "coindex_synthetic", "training", "export")
Function = ast.FunctionDef | ast.AsyncFunctionDef
KNOWN = {**vars(builtins), **vars(errors)}
PUBLIC_SPECIAL = ("__init__", "__call__", "__enter__")


def modules() -> list[Path]:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in paths if not {"migrations"} & set(path.parts)]


def is_public(node: Function | ast.ClassDef, exported: list[str] | None) -> bool:
    """Commands and pages are not: the docstring of a command is its help, and a visitor reads the errors of a page."""
    if isinstance(node, Function):
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        if "typer." in ast.unparse(node.args) or re.search(r"\.(command|callback|route|get|post)\(", decorators):
            return False
    if node.name.startswith("_"):
        return node.name in PUBLIC_SPECIAL
    return exported is None or node.name in exported


def functions(tree: ast.Module) -> Iterator[tuple[str, Function, str]]:
    """Each public function with its name and what documents it."""
    lists = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    exported = ast.literal_eval(lists[0]) if lists and isinstance(lists[0], ast.List) else None
    for node in tree.body:
        if isinstance(node, Function) and is_public(node, exported):
            yield node.name, node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef) and is_public(node, exported):
            for method in node.body:
                if isinstance(method, Function) and is_public(method, None):
                    documents = [ast.get_docstring(each) or "" for each in (node, method)]
                    yield f"{node.name}.{method.name}", method, "\n".join(documents)


def named(node: ast.expr | None) -> list[str]:
    """The names of classes in an expression, such as `errors.StoreError` or `(ValueError, OSError)`."""
    each = ast.walk(node) if node is not None else ()
    return [
        part.id if isinstance(part, ast.Name) else part.attr
        for part in each
        if hasattr(part, "id") or hasattr(part, "attr")
    ]


def raised(statements: list[ast.stmt], caught: frozenset[str] = frozenset()) -> set[str]:
    """The errors that `raise SomeError(...)` lets out of these statements, without those of functions within them."""
    out: set[str] = set()
    for node in statements:
        if isinstance(node, (*Function.__args__, ast.ClassDef)):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            error = named(node.exc.func)[0]
            above = {base.__name__ for base in getattr(KNOWN.get(error), "__mro__", ())} | {error}
            if error[0].isupper() and not above & caught:
                out.add(error)
        handled = frozenset(name for handler in getattr(node, "handlers", ()) for name in named(handler.type))
        out |= raised(getattr(node, "body", []), caught | handled)
        for block in ("orelse", "finalbody", "handlers", "cases"):
            out |= raised(getattr(node, block, []), caught)
    return out


def documented(text: str) -> set[str]:
    sections = re.findall(r"^Raises:\n((?: .*\n|\n)+)", text + "\n", re.MULTILINE)
    return set(re.findall(r"^    (\w+):", "".join(sections), re.MULTILINE))


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('def f():\n    """One.\n\n    Raises:\n        KeyError: If so.\n    """\n    raise KeyError("k")', set()),
        ('def f():\n    """One."""\n    if f:\n        raise KeyError("k")', {"KeyError"}),
        ('def f():\n    try:\n        raise StoreError("s")\n    except CoindexError:\n        pass', set()),
        (
            'def f():\n    try:\n        pass\n    except OSError:\n        raise StoreError("s") from None',
            {"StoreError"},
        ),
        ('class A:\n    def f(self):\n        raise KeyError("k")', {"KeyError"}),
        ('def f():\n    def g():\n        raise KeyError("k")\n    return g', set()),
        ('def _f():\n    raise KeyError("k")', set()),
        ('__all__ = []\ndef f():\n    raise KeyError("k")', set()),
        ('@app.command()\ndef f():\n    raise KeyError("k")', set()),
    ],
)
def test_what_counts_as_undocumented(source, missing):
    found = [raised(function.body) - documented(text) for _, function, text in functions(ast.parse(source))]
    assert set().union(*found) == missing


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_docstring_names_each_error_that_its_function_raises(path):
    tree = ast.parse(path.read_text("utf-8"))
    found = {
        name: raised(function.body) - documented(text) - {"NotImplementedError"}
        for name, function, text in functions(tree)
    }
    assert {name: sorted(errors) for name, errors in found.items() if errors} == {}
