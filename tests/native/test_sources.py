"""What cannot be compiled here, held as far as it can be: Swift parses, and bindings speak of the C header as it is."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import coindex_native
import pytest

NATIVE = Path(__file__).resolve().parents[2] / "mobile_assets" / "native"
HEADERS = [NATIVE / "include" / name for name in ("coindex.h", "coindex_coreml.h", "coindex_steps.h")]
SWIFT = [path for path in sorted(NATIVE.rglob("*.swift")) if "build" not in path.relative_to(NATIVE).parts]

STRUCTS = {
    "coindex_net": "NetStruct",
    "coindex_nets": "NetsStruct",
    "coindex_description": "Description",
    "coindex_model": "Model",
    "coindex_photo": "PhotoStruct",
    "coindex_question": "Question",
    "coindex_summary": "Summary",
    "coindex_coin": "CoinStruct",
    "coindex_candidate": "CandidateStruct",
    "coindex_fetcher": "FetcherStruct",
    "coindex_sync_options": "OptionsStruct",
    "coindex_sync_report": "ReportStruct",
}


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


def declared():
    """Every name that the headers declare or number."""
    return {name for path in HEADERS for name in re.findall(r"\bcoindex_\w+|\bCOINDEX_\w+", path.read_text())}


def faults(path):
    """Where tree-sitter's grammar of Swift finds an error or misses something."""
    tree_sitter = pytest.importorskip("tree_sitter")
    swift = pytest.importorskip("tree_sitter_swift")
    tree = tree_sitter.Parser(tree_sitter.Language(swift.language())).parse(path.read_bytes())
    nodes, found = [tree.root_node], []
    while nodes:
        node = nodes.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_point[0] + 1, (node.text or b"")[:60]))
        nodes += node.children if node.has_error else []
    return found


@pytest.mark.parametrize("path", SWIFT, ids=lambda path: path.name)
def test_swift_parses(path):
    assert faults(path) == []


def test_what_is_no_swift_does_not_parse(tmp_path):
    path = tmp_path / "Broken.swift"
    path.write_text("struct Coin { let box: CGRect func }\n")
    assert faults(path)


@pytest.mark.parametrize(
    "path",
    [*SWIFT, NATIVE / "adapters" / "coreml.mm", NATIVE / "kotlin" / "src" / "main" / "cpp" / "coindex_jni.cc",
     NATIVE / "python" / "coindex_native.py"],
    ids=lambda path: path.name,
)  # fmt: skip
def test_a_binding_uses_only_what_the_headers_declare(path):
    used = set(re.findall(r"\b(?:coindex|COINDEX)_\w+", without_comments(path.read_text())))
    own = {"coindex_native", "coindex_jni", "coindex_coreml", "coindex_steps"}
    assert used - own <= declared()


def functions():
    """Of each function of the interface how many arguments it takes."""
    text = without_comments("".join(path.read_text() for path in HEADERS))
    found = re.findall(r"COINDEX_API [\w*\s]+?\b(coindex_\w+)\(([^;]*)\);", text)
    return {name: 0 if given.strip() == "void" else given.count(",") + 1 for name, given in found}


def calls(text):
    """Every call of the interface in a source, with the number of its arguments."""
    for match in re.finditer(r"\b(coindex_\w+)\(", text):
        depth, commas, at = 1, 0, match.end()
        empty = True
        while depth:
            each = text[at]
            depth += each in "([{"
            depth -= each in ")]}"
            commas += each == "," and depth == 1
            empty = empty and (each.isspace() or depth == 0)
            at += 1
        yield match[1], 0 if empty else commas + 1


@pytest.mark.parametrize("path", SWIFT, ids=lambda path: path.name)
def test_swift_gives_each_function_its_arguments(path):
    known = functions()
    assert len(known) > 15
    for name, count in calls(without_comments(path.read_text())):
        if name in known:
            assert count == known[name], name


def fields():
    """Of each struct of the interface its fields."""
    text = without_comments("".join(path.read_text() for path in HEADERS))
    out = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, flags=re.DOTALL):
        out[name] = []
        for line in body.split(";"):
            if pointer := re.search(r"\(\*(\w+)\)", line):
                out[name].append(pointer[1])
            elif line.strip():
                out[name] += [re.findall(r"\w+", each.partition("[")[0])[-1] for each in line.split(",")]
    return out


def test_swift_reads_only_fields_that_there_are():
    """Labels of structs that Swift makes, in their order, and members that it reads of those it calls `out`."""
    known = fields()
    text = without_comments("".join(path.read_text() for path in SWIFT))
    made = re.findall(r"(coindex_(?:photo|question))\(\s*(\w+: .*?)\)\s*(?:\n|$)", text, flags=re.DOTALL)
    assert made
    for name, given in made:
        labels = re.findall(r"(?:^|[(,]\s*)(\w+): ", given)
        assert labels == known[name], name
    members = {member for struct in known.values() for member in struct}
    read = set(re.findall(r"\b(?:out|report|summary|coin|options|nets|get)\.([a-z]+_[a-z_]+)\b", text))
    assert read and read <= members


def test_the_structs_of_the_python_binding_lie_as_the_headers_do(tmp_path):
    lines = []
    for name, members in fields().items():
        if name in STRUCTS:
            lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
            lines += [f'printf("{name}.{member} %zu\\n", offsetof({name}, {member}));' for member in members]
    source = tmp_path / "layout.c"
    source.write_text("\n".join(["#include <stdio.h>", '#include "coindex.h"', "int main(void) {", *lines, "}"]))
    program = tmp_path / "layout"
    try:
        subprocess.run(["gcc", f"-I{NATIVE / 'include'}", source, "-o", program], check=True)
    except FileNotFoundError:
        pytest.skip("no gcc here")
    told = dict(line.split() for line in subprocess.check_output([program], text=True).splitlines())
    for name, binding in STRUCTS.items():
        struct = getattr(coindex_native, binding)
        assert ctypes.sizeof(struct) == int(told[name]), name
        for member, _ in struct._fields_:
            assert getattr(struct, member).offset == int(told[f"{name}.{member}"]), (name, member)
        assert len(struct._fields_) == len(fields()[name])


def test_the_core_ml_adapter_compiles_against_what_apple_documents(tmp_path):
    """Zig's clang compiles Objective-C++ for macOS; `apple/` declares what the adapter uses of Apple's frameworks."""
    if subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no zig here to compile Objective-C++ with (pip install ziglang)")
    options = ["-target", "aarch64-macos", "-std=c++17", "-fobjc-arc", "-fblocks", "-Wall"]
    folders = [f"-I{path}" for path in (Path(__file__).parent / "apple", NATIVE / "include", NATIVE / "core")]
    files = ["-c", NATIVE / "adapters" / "coreml.mm", "-o", tmp_path / "coreml.o"]
    command = [sys.executable, "-m", "ziglang", "c++", *options, *folders, *files]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr[-3000:]


def test_kotlin_names_every_status_in_its_order():
    text = (NATIVE / "include" / "coindex.h").read_text()
    numbers = re.findall(r"COINDEX_(\w+) = (\d+)", text.partition("} coindex_status;")[0])
    kotlin = (NATIVE / "kotlin" / "src" / "main" / "kotlin" / "org" / "coindex" / "Coindex.kt").read_text()
    names = re.findall(r"\w+", re.search(r"enum class Status \{(.*?)\}", kotlin, flags=re.DOTALL)[1])
    assert [(name, number) for number, name in enumerate(names)] == [(name, int(number)) for name, number in numbers]


def test_every_jni_function_is_declared_in_kotlin_and_the_other_way_round():
    jni = (NATIVE / "kotlin" / "src" / "main" / "cpp" / "coindex_jni.cc").read_text()
    kotlin = (NATIVE / "kotlin" / "src" / "main" / "kotlin" / "org" / "coindex" / "Native.kt").read_text()
    defined = set(re.findall(r"NATIVE\(\w+, (\w+)\)", jni)) - {"name"}
    assert defined == set(re.findall(r"external fun (\w+)", kotlin))


def test_the_swift_package_takes_every_source_of_the_core():
    """SwiftPM compiles all that lies in these folders: CMake lists no other file, and leaves none out."""
    listed = re.findall(r"^  (\S+\.(?:cc|c))$", (NATIVE / "sources.cmake").read_text(), flags=re.MULTILINE)
    found = [str(path.relative_to(NATIVE)) for folder in ("adapters", "core", "third_party")
             for path in (NATIVE / folder).rglob("*") if path.suffix in (".cc", ".c")]  # fmt: skip
    assert sorted([*listed, "core/capi/steps.cc"]) == sorted(found)
