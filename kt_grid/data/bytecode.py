"""What a function does, without what its text looks like.

Line numbers, comments, docstrings and the names of local variables leave no trace here; bytecode
differs between minor versions of Python, so descriptions compare within one of them only.
"""

import ast
import dis
import hashlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

# They do nothing: placeholders for lines, hints for the interpreter, and the length of operands.
_IDLE = frozenset(("NOP", "CACHE", "RESUME", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN"))
_LOCAL = frozenset((*dis.haslocal, *dis.hasfree))
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
# What the body of a class stores that says where it is written, or what for.
_TOLD = frozenset(("__doc__", "__firstlineno__", "__static_attributes__"))
_MEMBER = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
# What gives a function access to more than it names, or to more than Python's own objects.
BEYOND = frozenset(
    (
        *("eval", "exec", "globals", "locals", "vars", "environ", "getenv", "open", "load"),
        *("read_text", "read_bytes", "read_csv", "read_json", "read_parquet", "fromfile"),
        *("loadtxt", "genfromtxt", "load_model", "load_weights", "urlopen", "urlretrieve"),
    )
)


@dataclass
class Code:
    """A function's code, with that of the functions inside it.

    Attributes:
        described: Nested lists of plain values; constants that aren't plain as they are.
        names: The globals it reads; True for those that are used for an attribute alone.
        attributes: Names of the attributes and methods that it asks for.
        imports: What it imports while it runs: the module, the names taken from it, and how many
            packages up a relative import begins.
        beyond: Names of what lets it see more than it names.
    """

    described: list[Any] = field(default_factory=list)
    names: dict[str, bool] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    imports: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)
    beyond: set[str] = field(default_factory=set)


def read_code(code: CodeType) -> Code:
    """Describe code so that two descriptions agree if it does the same in the same way.

    Args:
        code: A function's.

    Returns:
        Its description, and what it refers to.
    """
    found = Code()
    found.described = _describe(code, found)
    used = {*code.co_names, *found.names, *found.attributes}
    found.beyond = {*BEYOND & used}
    return found


def _describe(code: CodeType, found: Code) -> list[Any]:
    steps = _steps(code)
    indices = _indices(code, steps)
    described = [[step.opname, _operand(step, indices, found)] for step in steps]
    for index in range(len(steps)):
        _note(steps, index, found)
    parameters = code.co_argcount + code.co_kwonlyargcount
    parameters += bool(code.co_flags & inspect.CO_VARARGS)
    parameters += bool(code.co_flags & inspect.CO_VARKEYWORDS)
    flags = code.co_flags & ~(inspect.CO_NESTED | inspect.CO_NOFREE)
    head = [code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount, flags]
    names = [*code.co_varnames[:parameters]]
    return [code.co_name, head, names, described, _handlers(code, indices)]


def _steps(code: CodeType) -> list[dis.Instruction]:
    """The instructions that do something, without those by which a class stores its docstring."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in _IDLE]
    told = {
        index
        for index, step in enumerate(steps)
        if step.opname == "STORE_NAME" and step.argval in _TOLD
    }
    left_out = told | {index - 1 for index in told if steps[index - 1].opname == "LOAD_CONST"}
    return [step for index, step in enumerate(steps) if index not in left_out]


def _indices(code: CodeType, steps: list[dis.Instruction]) -> dict[int, int]:
    """The number of the instruction that comes at an offset, or next after it."""
    indices: dict[int, int] = {}
    kept = {step.offset: index for index, step in enumerate(steps)}
    following = len(steps)
    for offset in range(len(code.co_code), -1, -2):
        following = kept.get(offset, following)
        indices[offset] = following
    return indices


def _operand(step: dis.Instruction, indices: dict[int, int], found: Code) -> Any:
    if step.opcode in _JUMPS:
        return indices[step.argval]
    if step.opcode in _LOCAL or step.arg is None:
        return step.arg
    if step.opcode in dis.hasconst:
        return _constant(step.argval, found)
    if step.opcode in dis.hasname:
        # The operand itself says where the name stands in a list.
        return [step.argval, step.argrepr]
    return [step.arg, step.argrepr]


def _constant(value: Any, found: Code) -> Any:
    return _describe(value, found) if isinstance(value, CodeType) else ("constant", value)


def _note(steps: list[dis.Instruction], index: int, found: Code) -> None:
    """Note what an instruction refers to."""
    kind, name = steps[index].opname, steps[index].argval
    if kind in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
        following = steps[index + 1].opname if index + 1 < len(steps) else ""
        found.names[name] = found.names.get(name, True) and following in _MEMBER
    elif kind in _MEMBER or kind == "IMPORT_FROM":
        found.attributes.add(name)
    elif kind == "IMPORT_NAME":
        level, taken = (steps[index - back].argval for back in (2, 1))
        found.imports.append((name, taken or (), level))


def _handlers(code: CodeType, indices: dict[int, int]) -> list[Any]:
    """Which instructions an exception leaves for which others."""
    entries = getattr(dis.Bytecode(code), "exception_entries", ())
    found = [
        [indices[e.start], indices[e.end], indices[e.target], e.depth, e.lasti] for e in entries
    ]
    return [entry for entry in found if entry[0] < entry[1]]


def text_digest(path: Path | None) -> str:
    """Hash the text of a module but for comments and docstrings."""
    try:
        content = path.read_bytes() if path else b""
    except OSError:
        return "unreadable"
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(content).hexdigest()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_remark(each)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_remark(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
