"""A Python file as rows: some prose (docstrings, comments) beside the lines that it explains.

Nothing is imported: `ast` says where definitions and docstrings are, `tokenize` where comments are.
Every line of code is in exactly one row; every docstring and every comment that has lines of its
own is the prose of exactly one row. Comments at the end of a line of code stay in the code.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

DIRECTIVE = re.compile(r"#\s*(!|-\*-|type:|noqa|ruff:|mypy:|fmt:|isort:|pragma:)")
"""Comments that speak to tools; they stay in the code."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Imports = list[ast.Import | ast.ImportFrom]


@dataclass
class Row:
    """Prose in Markdown beside numbered lines of code; `name` where a definition begins."""

    prose: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    name: str = ""
    section: bool = False
    """Whether a new part of the file begins here: a top-level definition, the imports."""
    imports: Imports = field(default_factory=list)


@dataclass
class Comment:
    """Consecutive lines of comment in the same column."""

    first: int
    column: int
    lines: list[str]

    @property
    def text(self) -> str:
        """The Markdown without its number signs."""
        return "\n".join(re.sub(r"^#+:? ?", "", line) for line in self.lines).strip("\n")


def text_of(node: ast.stmt) -> str | None:
    """The cleaned string when the statement is nothing but a string."""
    value = node.value if isinstance(node, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return inspect.cleandoc(value.value)
    return None


def first_line(node: ast.stmt) -> int:
    """Line of a statement, of its first decorator if it has some."""
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(node: ast.stmt) -> int:
    """Last line of a statement; ast knows it for every statement of a parsed file."""
    return node.end_lineno or node.lineno


class Annotated:
    """The file's rows, and the module's docstring, which is in none of them."""

    def __init__(self, source: str) -> None:
        self.source = source.replace("\r\n", "\n")
        self.texts = self.source.split("\n")
        self.marks: dict[int, Row] = {}
        """Rows that must begin at these lines."""
        self.docstring_lines: set[int] = set()
        self._read_tokens()
        tree = ast.parse(self.source)
        self.quoted = {
            line
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr | ast.Constant) and node.end_lineno
            for line in range(node.lineno + 1, node.end_lineno + 1)
        }
        """Lines that begin inside a string: what looks blank there is not."""
        body = tree.body
        self.docstring = self._take_docstring(body[0]) if body else None
        self._mark_module(body[1:] if self.docstring is not None else body)
        self.rows = list(self._rows())

    def _read_tokens(self) -> None:
        """Finds the comments with lines of their own, and where statements begin."""
        self.comments: dict[int, Comment] = {}
        self.statements: dict[int, int] = {}
        """Column of each line that begins a statement (and not of those that continue one)."""
        block: Comment | None = None
        begins = True
        skipped = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            line, column = token.start
            if token.type == tokenize.COMMENT:
                alone = not self.texts[line - 1][:column].strip()
                if not alone or DIRECTIVE.match(token.string):
                    continue
                if block is None or (block.first + len(block.lines), block.column) != token.start:
                    block = Comment(line, column, [])
                block.lines.append(token.string)
                self.comments[line] = block
            elif token.type == tokenize.NEWLINE:
                begins = True
            elif token.type not in skipped and begins:
                self.statements[line], begins = column, False

    def _take_docstring(self, node: ast.stmt) -> str | None:
        """Text of a docstring, whose lines leave the code unless they hold something else too."""
        text = text_of(node)
        if text is None:
            return None
        before = self.texts[node.lineno - 1].encode()[: node.col_offset]
        after = self.texts[last_line(node) - 1].encode()[node.end_col_offset :]
        if before.strip() or after.strip():
            return None
        self.docstring_lines.update(range(node.lineno, last_line(node) + 1))
        return text

    def _mark_module(self, body: list[ast.stmt]) -> None:
        """The parts of a file: imports, each definition, and what stands between them."""
        row, previous = Row(), ""
        for node in body:
            imported = isinstance(node, ast.Import | ast.ImportFrom)
            kind = (
                "import" if imported else "definition" if isinstance(node, Definition) else "other"
            )
            if kind != previous or kind == "definition":
                row = self._mark(first_line(node))
                row.section = True
            if isinstance(node, ast.Import | ast.ImportFrom):
                row.imports.append(node)
            previous = kind
        self._mark_body(body)

    def _mark_body(self, body: list[ast.stmt], owner: str | None = "") -> None:
        """Marks the definitions and documented fields of a module or a class, None if local."""
        for node, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, Definition):
                self._mark_definition(node, "" if owner is None else f"{owner}{node.name}")
            elif isinstance(node, ast.Assign | ast.AnnAssign) and after is not None:
                text = self._take_docstring(after)
                if text is not None:
                    self._mark(first_line(node)).prose.append(text)
                    self._mark(last_line(after) + 1)
            else:
                self._mark_nested(node)

    def _mark_definition(self, node: Definition, name: str = "") -> None:
        """A class or a function, its docstring and what it contains; local ones have no name."""
        docstring = self._take_docstring(node.body[0])
        if name or docstring is not None:
            row = self._mark(first_line(node))
            row.name = name
            row.prose += [docstring] if docstring else []
            self._mark(last_line(node) + 1)
        body = node.body[1:] if docstring is not None else node.body
        if isinstance(node, ast.ClassDef):
            self._mark_body(body, f"{name}." if name else None)
        else:
            for statement in body:
                self._mark_nested(statement)

    def _mark_nested(self, node: ast.AST) -> None:
        """Definitions inside of functions and blocks: only their docstrings matter."""
        if isinstance(node, Definition):
            self._mark_definition(node)
            return
        for child in ast.iter_child_nodes(node):
            self._mark_nested(child)

    def _mark(self, line: int) -> Row:
        return self.marks.setdefault(line, Row())

    def _rows(self) -> Iterator[Row]:
        """Walks down the file: marks and comments begin rows, all other lines continue one."""
        row = Row()
        column: int | None = None  # of the comment that began the row
        for line, text in enumerate(self.texts, start=1):
            mark = self.marks.get(line)
            comment = self.comments.get(line)
            ends = self._explained(line, column)
            if mark or (comment and comment.first == line) or ends:
                begun = mark or Row()
                if row.lines:
                    yield self._trimmed(row)
                else:  # prose without code yet stands beside the code that follows
                    begun.prose += row.prose
                row, column = begun, None
            if comment:
                if comment.first == line:
                    row.prose.append(comment.text)
                    column = comment.column
            elif line not in self.docstring_lines and (row.lines or text.strip()):
                row.lines.append(line)
        if row.lines or row.prose:
            yield self._trimmed(row)

    def _explained(self, line: int, column: int | None) -> bool:
        """Whether the comment in this column has no more to say here: a blank line, a dedent."""
        if column is None or line in self.quoted or line in self.comments:
            return False
        blank = not self.texts[line - 1].strip()
        return blank or self.statements.get(line, column) < column

    def _trimmed(self, row: Row) -> Row:
        while row.lines and not self.texts[row.lines[-1] - 1].strip():
            row.lines.pop()
        return row
