"""`python docs/tables.py`: write the tables of parameters into the pages, the settings into systemd/f5d.toml.

They come from f5ctl/parameters.py and f5d/keys.py. In a page a table stands between `<!-- table: NAME -->` and
`<!-- end of table -->`; in f5d.toml the keys stand between the first blank line and `[pronunciation]`. With
`--check` nothing is written, and the exit status is 1 when a file would change.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from f5ctl.batch.fields import BATCH_ONLY
from f5ctl.parameters import PARAMETERS, Parameter, named
from f5ctl.speech.output import FORMATS
from f5d.config import Config
from f5d.keys import KEYS

ROOT: Final = Path(__file__).resolve().parents[1]
SETTINGS: Final = ROOT / "systemd" / "f5d.toml"
_TYPES: Final[dict[type, str]] = {int: "int", float: "float", str: "str", bool: "bool", bytes: "bin"}
_TABLE: Final = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_LAST_KEYS: Final = "# What is said for a word, whatever its case.\n"
_MORE_AND_LESS: Final = {  # what a larger and a smaller value do to the sound
    "nfe_step": ("finer, slower: the time grows with it", "faster, rougher"),
    "cfg_strength": ("closer to text and voice", "freer; 0 (off) is less faithful"),
    "sway_sampling_coef": ("more steps late", "more steps early, where words are decided"),
    "speed": ("faster; above 1.3 words suffer", "slower; below 0.8 it drags"),
    "seed": ("another take", "another take"),
    "sentence_pause": ("calmer; other pauses grow with it", "livelier; 0: words stand edge to edge"),
    "cross_fade_duration": ("more of two words sounds at once", "segments stand edge to edge at 0"),
    "target_rms": ("quiet recordings are raised further", "they stay quieter"),
    "volume": ("louder; the ceiling tames the peaks", "softer"),
    "loudness": ("", ""),
    "fix_duration": ("slower", "faster"),
    "remove_silence": ("", ""),
}
_WIDTH: Final = 28  # of a setting in [defaults], before its comment


def say_fields() -> Iterator[str]:
    """Yield the rows of docs/protocol.md: every field of `say`."""
    yield from ("| field | type | meaning and limit | default |", "|---|---|---|---|")
    for name, one in PARAMETERS.items():
        limits = " ".join(f"`{choice}`" for choice in one.choices) or one.limits
        more, less = _MORE_AND_LESS.get(name, ("", ""))
        effect = f"larger: {more.replace(';', ',')}; smaller: {less.replace(';', ',')}" if more != less else ""
        meaning = "; ".join(filter(None, (", ".join(filter(None, (one.help, limits))), one.note, effect)))
        yield f"| `{name}` | {_TYPES[one.kind]} | {meaning} | {one.told} |"


def codes() -> Iterator[str]:
    """Yield the rows of docs/protocol.md: the code of a value that a field does not admit."""
    fields: dict[str, list[str]] = {}
    for name, one in PARAMETERS.items():
        fields.setdefault(one.code, []).append(f"`{name}`")
    yield from ("| code | fields with a wrong value |", "|---|---|")
    for code, names in sorted(fields.items(), key=lambda pair: len(pair[1])):
        yield f"| `{code}` | {', '.join(names) if len(names) < 3 else 'all others'} |"


def sound() -> Iterator[str]:
    """Yield the rows of docs/quality.md: what a parameter does to the sound."""
    yield from ("| parameter | what | default | range | more | less |", "|---|---|---|---|---|---|")
    for name in _MORE_AND_LESS:
        one, (more, less) = PARAMETERS[name], _MORE_AND_LESS[name]
        yield f"| `{name}` | {one.help} | {one.told} | {one.limits} | {more} | {less} |"


def generate() -> Iterator[str]:
    """Yield the rows of docs/python.md: the arguments of F5TTSInference.generate, read without torch."""
    tree = ast.parse((ROOT / "f5d" / "inference.py").read_text(encoding="utf-8"))
    function = next(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "generate"
    )
    names = [argument.arg for argument in function.args.args[1:]]
    values = [ast.unparse(value) for value in function.args.defaults]
    defaults = dict(zip(names[-len(values) :], values, strict=True))
    own = {
        "text": ("not empty", "what to say, of any length"),
        "ref_audio": ("at most 16 MiB, 12 s of speech", "a recording of the voice: path, bytes or samples"),
        "ref_text": (PARAMETERS["ref_text"].limits, "what it says; transcribed when empty"),
    }
    yield from ("| parameter | default | range | meaning |", "|---|---|---|---|")
    for name in names:
        limits, meaning = own.get(name) or (PARAMETERS[name].limits, PARAMETERS[name].help)
        default = f"`{defaults[name]}`" if name in defaults else ""
        yield f"| `{name}` | {default} | {limits} | {meaning} |"


def manifest() -> Iterator[str]:
    """Yield the rows of docs/batch.md: the fields of a line."""
    own = {
        "voice": "`-v`, else the model's",
        "model": "`-m`, else the daemon's",
        "ref_audio": "`--ref-audio`",
        "seed": "drawn from the line's words and voice, and `--seed`",
    }
    files = {
        "text": "what to say, of any length",
        "ref_audio": "a recording of the voice: a path, from the manifest's folder",
        "voice": "a name of `f5ctl voices`",
        "model": "a name of `f5ctl models`",
        "output": f"a file in DIR; its suffix is its format: {' '.join(FORMATS)}",
    }
    yield from ("| field | meaning | left out |", "|---|---|---|")
    for name in ("text", *BATCH_ONLY, *(name for name in named("manifest") if name != "text")):
        one = BATCH_ONLY.get(name) or PARAMETERS[name]
        option = f"`--{name.replace('_', '-')}`" if "batch" in one.places else one.told
        yield f"| `{name}` | {files.get(name, one.meaning)} | {own.get(name, option)} |"


TABLES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "say": say_fields,
    "codes": codes,
    "sound": sound,
    "generate": generate,
    "manifest": manifest,
}


def with_tables(page: str) -> str:
    """Return a page with its tables as the code has them."""
    return _TABLE.sub(lambda match: f"{match[1]}{chr(10).join(TABLES[match[2]]())}\n{match[3]}", page)


def with_settings(document: str) -> str:
    """Return f5d.toml with its keys, their comments and `[defaults]` as the code has them."""
    flags = ", ".join(f"--{name.replace('_', '-')}" for name, key in KEYS.items() if key.metavar)
    fixed = " and ".join(name for name, key in KEYS.items() if key.needs_restart)
    lines = [
        "# Configuration of f5d. Every line below is a default; a file with none of them is the same.",
        "# Read from --config FILE, else $F5D_CONFIG, else ~/.config/f5d/f5d.toml, else /etc/f5d/f5d.toml.",
        "# A key KEY is overridden by the environment's F5D_KEY, and that, for some, by a flag of `f5d serve`:",
        f"# {flags}.",
        f"# `systemctl reload` is enough for a change of any of them but {fixed}, which need a restart.",
        "",
    ]
    for name, key in KEYS.items():
        lines += [f"# {line}" for line in key.told.split("\n")]
        lines += [_setting(name), ""]
    lines += ["# Parameters of requests that leave them out.", "[defaults]"]
    lines += [_default(name, PARAMETERS[name]) for name in named("config")]
    tail = document[document.index(_LAST_KEYS) :]
    return "\n".join([*lines, "", tail])


def _setting(name: str) -> str:
    if name == "socket":
        return '# socket = "/run/user/1000/f5d/f5d.sock"'
    default = Config.__struct_defaults__[Config.__struct_fields__.index(name) - 1]
    value = int(default) if isinstance(default, float) and default == int(default) else default
    return f"{name} = {json.dumps(value)}"


def _default(name: str, one: Parameter) -> str:
    told = "; ".join(filter(None, (one.meaning, one.note)))
    if name == "nfe_step":  # the model's own counts where this is left out
        return f"{f'# {name} = {one.default}':<{_WIDTH}}# {told}; default: the model's, {one.told}"
    if name == "sentence_pause":
        return f"{f'# {name} = {one.default}':<{_WIDTH}}# {told}; default: the model's"
    if one.default is None:
        return f"{f'# {name} =':<{_WIDTH}}# {told}; default: {one.told}"
    return f"{f'{name} = {one.default}':<{_WIDTH}}# {told}"


def main() -> None:
    """Write the files, or with `--check` say which would change."""
    pages = {
        path: with_tables(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "docs").glob("*.md"))
    }
    pages[SETTINGS] = with_settings(SETTINGS.read_text(encoding="utf-8"))
    changed = [path for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    if sys.argv[1:] == ["--check"]:
        sys.exit(
            "\n".join(f"{path.relative_to(ROOT)} is not up to date; run: make pages" for path in changed) or 0
        )
    for path in changed:
        path.write_text(pages[path], encoding="utf-8")


if __name__ == "__main__":
    main()
