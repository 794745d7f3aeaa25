"""The walls between the parts, as tables, and a checker that reads source files' syntax trees."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# A module belongs to the longest prefix that matches; an import never points to a higher layer.
LAYERS = {
    "hass._version": 0,
    "hass.errors": 0,
    "hass.files": 0,
    "hass.page": 0,
    "hass.printable": 0,
    "hass.pareto": 0,
    "hass.identifiers": 0,
    "hass.intmath": 0,
    "hass.lane_work": 0,
    "hass.near": 0,
    "hass.read_only": 0,
    "hass.validation": 0,
    "hass.fixed_point": 1,
    "hass.channels": 1,
    "hass.curve_table": 1,
    "hass.curves": 1,
    "hass.cuts": 1,
    "hass.folder": 0,
    "hass.threads": 0,
    "hass.graph": 1,
    "hass.fewer_channels": 1,
    "hass.filter_refit": 1,
    "hass.moves": 1,
    "hass.ops": 1,
    "hass.shapes": 1,
    "hass.text": 1,
    "hass.values": 1,
    "hass.verify": 1,
    "hass.word_lengths": 1,
    "hass.handlers": 2,
    "hass.onnx_io": 2,
    "hass.rewrites": 2,
    "hass.clip_family": 3,
    "hass.exact_sums": 3,
    "hass.measure": 3,
    "hass.narrow": 2,
    "hass.prune": 3,
    "hass.reference": 3,
    "hass.reference_ops": 3,
    "hass.segment_cycles": 3,
    "hass.setting_record": 3,
    "hass.snake": 0,
    "hass.sparsity": 3,
    "hass.work_shares": 0,
    "hass.device": 4,
    "hass.parts": 4,
    "hass.cost": 5,
    "hass.folding": 6,
    "hass.compare": 7,
    "hass.design": 7,
    "hass.design_file": 7,
    "hass.design_schema": 7,
    "hass.export": 7,
    "hass.frames": 7,
    "hass.html_table": 0,
    "hass.integer_accuracy": 7,
    "hass.recover": 7,
    "hass.report": 7,
    "hass.tables": 7,
    "hass.user_files": 7,
    "hass.word_choice": 7,
    "hass.__main__": 8,
    "hass": 8,  # the package's own face only, not what lies in it
    "hass.cli": 8,
}
TOP_LAYER = 8
SIBLINGS = {
    "search": "hass.search",
    "sim": "hass.sim",
    "hw_templates": "hass.hw_templates",
    "models": "hass.models",
}
_APPLICATIONS = tuple(SIBLINGS.values())
# Who may import which library. What setup.cfg requires and is not fenced is listed as everywhere.
EVERYWHERE = ("hass",)
FENCES = {
    "onnx": ("hass.onnx_io", "hass.handlers", "hass.rewrites", "hass.export", "hass.models"),
    "onnxruntime": ("hass.measure",),
    "pulp": ("hass.folding.milp",),
    "highspy": ("hass.folding.milp",),
    "optuna": ("hass.search",),
    "torch": ("hass.models", "hass.recover"),
    "sklearn": ("hass.models",),
    "networkx": ("hass.graph",),
    "PIL": ("hass.measure",),
    "click": ("hass.cli", *_APPLICATIONS),
    "rich": ("hass.cli", *_APPLICATIONS),
    "jinja2": ("hass.report", "hass.hw_templates"),
    "numba": ("hass.sim", "hass.cost.kernels"),
    "threadpoolctl": ("hass.reference",),
    "matplotlib": ("hass.report",),
    "pandas": ("hass.tables",),
    "numpy": EVERYWHERE,
    "pydantic": EVERYWHERE,
    "tomli_w": EVERYWHERE,
}
# Libraries whose types another one raises or returns, and which it therefore installs.
COMPANIONS = {"google": "onnx", "sqlalchemy": "optuna", "markupsafe": "jinja2"}
MAX_LINES = 400
_BROAD = {"Exception", "BaseException"}
_MUTABLE_CALLS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter"}


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """A wall that is broken, and where."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Source:
    """A source file.

    Attributes:
        path: relative to the repository.
        module: dotted name when installed.
        is_package: whether it is an ``__init__.py``.
    """

    path: str
    module: str
    is_package: bool
    tree: ast.Module


@dataclass(frozen=True, slots=True)
class Import:
    """An import of one module, as an absolute name ("" where a relative one leaves the root)."""

    line: int
    target: str
    relative: bool


def parse(path: str, text: str) -> Source:
    """The file at a path like ``search/run.py`` or ``hass/cost/__init__.py``."""
    parts = list(Path(path).with_suffix("").parts)
    parts[0:1] = SIBLINGS.get(parts[0], parts[0]).split(".")
    is_package = parts[-1] == "__init__"
    module = ".".join(parts[:-1] if is_package else parts)
    return Source(path, module, is_package, ast.parse(text))


def under(module: str, prefix: str) -> bool:
    """Whether a module is the prefix or lies in it."""
    return module == prefix or module.startswith(f"{prefix}.")


def layer_of(module: str) -> int | None:
    """The layer of a core module; None if the table does not know it."""
    if module == "hass":
        return LAYERS["hass"]
    known = [prefix for prefix in LAYERS if prefix != "hass" and under(module, prefix)]
    return LAYERS[max(known, key=len)] if known else None


def sibling_of(module: str) -> str | None:
    """The application folder that a module lies in, by its dotted name."""
    return next((name for name in _APPLICATIONS if under(module, name)), None)


def imports_of(source: Source, modules: Iterable[str]) -> Iterator[Import]:
    """All imports of a file, those inside functions too.

    Args:
        source: the file.
        modules: all modules of the repository, to tell ``from . import module`` from a name.
    """
    known = frozenset(modules)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(source, node)
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield Import(node.lineno, deeper if deeper in known else base, node.level > 0)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = source.module.split(".")
    drop = node.level - 1 if source.is_package else node.level
    if drop >= len(package):
        return ""
    return ".".join([*package[: len(package) - drop], *([node.module] if node.module else [])])


def import_breaches(source: Source, modules: Iterable[str]) -> Iterator[Breach]:
    """Imports against layers, siblings and fences; modules and libraries that no table knows."""
    if sibling_of(source.module) is None and layer_of(source.module) is None:
        yield Breach(source.path, 1, f"module {source.module} is in no layer of tests/walls.py")
        return
    for found in imports_of(source, modules):
        root = found.target.split(".")[0]
        if root == "hass":
            what = _inner_breach(source.module, found)
        elif not root:
            what = "relative import from above the package"
        elif root in sys.stdlib_module_names:
            continue
        else:
            what = _library_breach(source.module, root)
        if what is not None:
            yield Breach(source.path, found.line, what)
    if layer_of(source.module) != TOP_LAYER:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and _name(node.func) in {"import_module", "__import__"}:
                yield Breach(source.path, node.lineno, "import by name: no wall can see it")


def _inner_breach(module: str, found: Import) -> str | None:
    own, other = sibling_of(module), sibling_of(found.target)
    if own is None:
        layer, target_layer = layer_of(module), layer_of(found.target)
        if other is not None:
            return f"the core imports the application {other}"
        if not found.relative:
            return f"{found.target}: inside hass/ imports are relative"
        if layer is None or target_layer is None:
            return f"{found.target} is in no layer of tests/walls.py"
        if target_layer > layer:
            return f"layer {layer} imports {found.target} of layer {target_layer}"
        return None
    if other is None:
        return f"{found.target}: the core is imported absolutely" if found.relative else None
    if other != own:
        return f"{own} imports {other}: applications never import each other"
    return None if found.relative else f"{found.target}: an application imports itself relatively"


def _library_breach(module: str, library: str) -> str | None:
    owners = FENCES.get(COMPANIONS.get(library, library))
    if owners is None:
        return f"library {library} is in no fence of tests/walls.py"
    if any(under(module, prefix) for prefix in owners):
        return None
    return f"library {library} belongs to {', '.join(owners)} only"


def cycle_of(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Some cycle of a directed graph, its first node again at its end; empty if it has none."""
    done: set[str] = set()
    path: list[str] = []

    def visit(node: str) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        path.append(node)
        for target in sorted(edges.get(node, ())):
            if cycle := visit(target):
                return cycle
        path.pop()
        done.add(node)
        return []

    return next((cycle for node in sorted(edges) if (cycle := visit(node))), [])


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(_name(kind) in _BROAD for kind in kinds)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _is_mutable(default: ast.expr | None) -> bool:
    if isinstance(default, ast.Call):
        return _name(default.func) in _MUTABLE_CALLS
    return isinstance(
        default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    )


def habit_breaches(source: Source) -> Iterator[Breach]:
    """Prints, errors swallowed wholesale, mutable defaults, a module that does not say its idea."""
    if not ast.get_docstring(source.tree):
        yield Breach(source.path, 1, "module without a docstring")
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                yield Breach(source.path, node.lineno, "print in library code")
            case ast.ExceptHandler() if _is_broad(node) and not _raises_again(node):
                yield Breach(source.path, node.lineno, "swallows any exception")
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                defaults = [*node.args.defaults, *node.args.kw_defaults]
                if any(_is_mutable(default) for default in defaults):
                    yield Breach(source.path, node.lineno, "mutable default argument")
            case _:
                pass


def length_breach(path: str, text: str) -> Breach | None:
    """A file that is too long to be one idea."""
    lines = len(text.splitlines())
    return (
        Breach(path, MAX_LINES, f"{lines} lines, at most {MAX_LINES}")
        if lines > MAX_LINES
        else None
    )
