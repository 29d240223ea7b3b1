"""The arrows of docs/architecture.md: which package may import which. Late imports count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchaudio", "numpy", "soundfile", "transformers", "f5_tts", "vocos", "safetensors")

# Who may be imported by whom, by the beginning of a module's name: (importers, what they may not import, but).
FORBIDDEN: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("f5ctl", ("f5d", *HEAVY, "zmq"), ()),
    ("f5ctl.cli.base", ("f5ctl.cli",), ("f5ctl.cli.base",)),
    (
        "f5d.broker",
        ("f5d", *HEAVY),
        ("f5d.broker", "f5d.catalog", "f5d.system", "f5d.config", "f5d.engine.types", "f5d.engine.turns"),
    ),
    ("f5d.catalog", ("f5d", *HEAVY), ("f5d.catalog",)),
    ("f5d.system", ("f5d", *HEAVY), ("f5d.system",)),
    ("f5d.model", ("f5d",), ("f5d.model", "f5d.catalog")),
    ("f5d.engine", ("f5d",), ("f5d.engine", "f5d.model", "f5d.catalog", "f5d.system")),
    ("f5d.config", ("f5d", *HEAVY), ("f5d.keys", "f5d.catalog", "f5d.system")),
    ("f5d.keys", ("f5d", *HEAVY), ("f5d.system",)),
    ("f5d.daemon", HEAVY, ()),
)
# What is imported by its own kind and by these alone.
RESERVED: Mapping[str, tuple[str, ...]] = {
    "asyncio": ("f5ctl.aio", "f5ctl.doors"),
    "torch": ("f5d.model", "f5d.engine", "f5d.inference", "f5d.helpers"),
    "f5d.model": ("f5d.engine", "f5d.inference", "f5d.helpers"),
    "f5d.broker": ("f5d.daemon",),
    "f5d.helpers": (),  # processes of their own, named as strings
    "f5ctl.cli": ("f5ctl.__main__", "f5ctl.api", "f5ctl.aio", "f5d.infer"),
    "f5ctl.batch": ("f5ctl.cli.batch",),
}
# Of f5ctl the daemon's side takes what both sides are made of; `infer` is a command line itself.
SHARED = tuple(
    f"f5ctl.{name}"
    for name in (
        "commandline",
        "errors",
        "bounds",
        "parameters",
        "pauses",
        "protocol",
        "places",
        "printable",
        "files",
        "socketpath",
        "receipts",
        "voicebox",
        "durations",
        "brackets",
        "sentences",
        "extras",
        "signals",
        "starting",
        "zmtp",
        "names",
    )
)
LISTENER = ("f5ctl.client", "f5ctl.metrics")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def graph() -> Mapping[str, frozenset[str]]:
    """Return every module of both packages with all that it imports, at the top or late."""
    paths = [path for package in ("f5d", "f5ctl") for path in sorted((ROOT / package).rglob("*.py"))]
    known = {module_name(path) for path in paths}
    return {module_name(path): frozenset(imports(path, known)) - {module_name(path)} for path in paths}


def packages_of(name: str) -> Iterator[str]:
    """Yield the packages that a module lies in: Python imports them before it."""
    while name := name.rpartition(".")[0]:
        yield name


@cache
def graph_at_run_time() -> Mapping[str, frozenset[str]]:
    """Return the graph without what is imported for type checkers alone."""
    paths = {module_name(path): path for package in ("f5d", "f5ctl") for path in (ROOT / package).rglob("*.py")}
    return {name: frozenset(imports(paths[name], set(paths), for_types=False)) for name in graph()}


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def nodes(tree: ast.AST, *, for_types: bool) -> Iterator[ast.AST]:
    yield tree
    for child in ast.iter_child_nodes(tree):
        if for_types or not is_for_types(child):
            yield from nodes(child, for_types=for_types)


def imports(path: Path, known: set[str], *, for_types: bool = True) -> Iterator[str]:
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), for_types=for_types):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def arrows() -> Iterator[tuple[str, str]]:
    for source, targets in graph().items():
        yield from ((source, target) for target in sorted(targets))


@pytest.mark.parametrize(("place", "refused", "but"), FORBIDDEN, ids=[rule[0] for rule in FORBIDDEN])
def test_a_package_imports_only_what_lies_below_it(
    place: str, refused: tuple[str, ...], but: tuple[str, ...]
) -> None:
    """The client knows nothing of the daemon's side, the broker of the engine its messages."""
    assert [
        f"{source} imports {target}"
        for source, target in arrows()
        if within(source, (place,))
        and within(target, refused)
        and not within(target, but)
        and not (source == "f5ctl.api" and within(target, ("numpy",)))  # when an array is asked for
    ] == []


@pytest.mark.parametrize("place", RESERVED)
def test_a_package_is_imported_only_from_where_it_may(place: str) -> None:
    """Torch is of model, engine and their two users; the verbs of nobody but the command lines."""
    assert [
        f"{source} imports {target}"
        for source, target in arrows()
        if within(target, (place,)) and not within(source, (place, *RESERVED[place]))
    ] == []


def test_the_daemon_s_side_shares_little_with_the_client() -> None:
    """Messages, errors, paths, receipts and voices; and the listener is a client of its own daemon."""
    allowed = {"f5d.system.metrics_listener": LISTENER, "f5d.infer": ("f5ctl",)}
    assert [
        f"{source} imports {target}"
        for source, target in arrows()
        if within(source, ("f5d",))
        and within(target, ("f5ctl",))
        and target != "f5ctl"  # its version
        and not within(target, (*SHARED, *allowed.get(source, ())))
    ] == []


def test_verbs_do_not_import_each_other() -> None:
    """What two verbs share lies in base/; the verbs of one family may share their family's file."""
    verbs = [name for name in graph() if within(name, ("f5ctl.cli",)) and name.count(".") == 2]
    assert [
        f"{source} imports {target}"
        for source, target in arrows()
        if source in verbs and target in verbs and source.partition("_")[0] != target.partition("_")[0]
    ] == []


def test_every_module_of_model_is_about_tensors() -> None:
    """What needs no torch lies in catalog/."""
    about = {"buckets", "cpu", "memory"}  # of steps, devices and processors, in plain numbers
    about.add("torchaudio_compat")  # imports it by its name
    bare = {"f5d.model", *(f"f5d.model.{name}" for name in about)}
    others = {name: graph()[name] for name in graph() if within(name, ("f5d.model",)) and name not in bare}
    heavy = ("torch", "torchaudio")
    assert [name for name, targets in others.items() if not any(within(one, heavy) for one in targets)] == []


def test_the_broker_reaches_no_torch_through_others() -> None:
    """Nothing that its process imports, however far away and however late, is torch or numpy."""
    known = graph_at_run_time()
    reached, todo = set[str](), {name for name in known if within(name, ("f5d.broker", "f5d.daemon"))}
    while todo:
        name = todo.pop()
        reached.add(name)
        todo |= {one for one in (*known[name], *packages_of(name)) if one in known} - reached
    assert [name for name in sorted(reached) if within(name, ("f5d.model",))] == []
    assert {f"{name}: {heavy}" for name in reached for heavy in known[name] if within(heavy, HEAVY)} == set()


def test_there_is_no_circle() -> None:
    """No module imports itself through others."""
    known = graph_at_run_time()
    below = {name: {target for target in targets if target in known} for name, targets in known.items()}
    while leaves := [name for name, targets in below.items() if not targets]:
        for leaf in leaves:
            del below[leaf]
        for targets in below.values():
            targets.difference_update(leaves)
    assert {name: sorted(targets) for name, targets in below.items()} == {}
