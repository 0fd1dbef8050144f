"""Reads skip lists, strictly: no line that tempest would misread passes in silence."""

from __future__ import annotations

from ci.errors import Finding
from ci.skip_lists.entry_line import Reading, is_commented_out, read_entry
from ci.skip_lists.few_of_each import FewOfEach
from ci.skip_lists.head import KEYS, misspelt_key, read_key, value_problem
from ci.skip_lists.model import Block, Entry, Line, SkipList
from ci.skip_lists.text import BYTE_ORDER_MARK, TextLine, encoding_problem, split_lines, strange_character

MAX_ERRORS = 20_000
_NO_REASON = "write `# reason: ...` on the line above the first test; a blank line ends a block"


def parse_skip_list(path: str, content: bytes) -> SkipList:
    """Read a skip list; never raises for bad content, see `findings`. Lines and columns count from 1."""
    if problem := encoding_problem(content):
        return SkipList(path, (), (Finding(path, *problem, "not-utf-8"),), lines=(Line(content),))
    return _Parser(path).parse(split_lines(content))


class _Parser:
    def __init__(self, path: str) -> None:
        self._path = path
        self._errors: list[Finding] = []
        self._warnings = FewOfEach()
        self._unknown_keys = 0
        self._blocks: list[Block] = []
        self._lines: list[Line] = []
        self._block = _OpenBlock()
        self._seen: dict[str, int] = {}
        self._expressions = 0

    def parse(self, lines: list[TextLine]) -> SkipList:
        for number, line in enumerate(lines, 1):
            if len(self._errors) >= MAX_ERRORS or self._unknown_keys >= MAX_ERRORS:
                what = "errors" if len(self._errors) >= MAX_ERRORS else "unknown keys"
                self._error(number, 1, "too-many-errors", f"the rest is not read after {MAX_ERRORS} {what}", "")
                self._lines.extend(Line(rest.content) for rest in lines[number - 1 :])
                break
            self._lines.append(Line(line.content, self._read(number, line.text)))
        self._end_block()
        self._line_ends(lines)
        return SkipList(
            self._path,
            tuple(self._blocks),
            tuple(sorted(self._errors)),
            tuple(sorted(self._warnings.told())),
            tuple(self._lines),
            self._expressions,
        )

    def _read(self, number: int, text: str) -> Entry | None:
        """Read a line; returns its entry where the line can be written anew."""
        if text.startswith(BYTE_ORDER_MARK):  # where lists were put together also on later lines
            message = "a byte order mark makes tempest skip nothing by this line"
            self._error(number, 1, "byte-order-mark", message, "save the file without it")
            text = text.lstrip(BYTE_ORDER_MARK)
            self._expressions += not text.partition("#")[0].strip()  # the mark alone is one for stestr
        strange = strange_character(text)
        if strange:
            column, code, message, hint = strange
            self._error(number, column, code, message, hint)
        text = text.rstrip()
        bare = text.lstrip()
        if not bare:
            self._end_block()
        elif bare.startswith("#"):
            self._comment(number, bare, len(text) - len(bare))
        else:
            self._expressions += 1
            return self._entry(number, text if strange is None else bare, is_strange=strange is not None)
        return None

    def _line_ends(self, lines: list[TextLine]) -> None:
        returns = [number for number, line in enumerate(lines, 1) if line.has_return]
        if returns:
            message = f"the line ends with a carriage return, as {len(returns)} of {len(lines)} do"
            self._warn(
                returns[0], len(lines[returns[0] - 1].text) + 1, "carriage-return", message, "use plain line ends"
            )
        if lines and not lines[-1].content.endswith(b"\n"):
            message = "the last line has no end: lists that are put together would join it with the next"
            self._warn(len(lines), len(lines[-1].text) + 1, "no-final-newline", message, "end it")

    def _comment(self, number: int, text: str, indent: int) -> None:
        if is_commented_out(text):
            hint = "delete the line, or the # before the ID"
            self._warn(number, indent + 1, "commented-out", "an ID behind # leaves out nothing", hint)
            return
        if self._block.has_lines:
            self._end_block()
            self._block.follows_directly = True
        block = self._block.begin(number)
        if found := read_key(text):
            key, value = found
            place = (number, indent + text.index(key) + 1)
            if key in block.head:
                self._error(number, 1, "repeated-key", f"`{key}:` is there twice in the block", "keep one")
            elif problem := value_problem(key, value):
                self._error(*place, *problem)
            block.head.setdefault(key, value)
            block.places.setdefault(key, place)
        elif like := misspelt_key(text):
            self._unknown_keys += 1
            self._block.unknown.append((number, indent + text.index(like[0]) + 1, *like))

    def _entry(self, number: int, text: str, *, is_strange: bool) -> Entry | None:
        block = self._block.begin(number)
        self._block.has_lines = True
        reading = read_entry(text)
        if not is_strange:
            self._problems(number, reading)
        if not reading.id:
            return None
        entry = Entry(reading.id, reading.names, number)
        if reading.id in self._seen:
            hint = f"first on line {self._seen[reading.id]}: keep one"
            self._error(number, 1, "duplicate", f"{reading.id} is there twice", hint)
        self._seen.setdefault(reading.id, number)
        block.entries.append(entry)
        return entry if reading.can_be_rewritten and not is_strange else None

    def _problems(self, number: int, reading: Reading) -> None:
        for problem in reading.problems:
            report = self._error if problem.is_error else self._warn
            report(number, problem.column, problem.code, problem.message, problem.hint)

    def _end_block(self) -> None:
        ended, self._block = self._block, _OpenBlock()
        block = ended.block
        if block is None:
            return
        for number, column, word, near in ended.unknown:
            if near:
                self._error(number, column, "unknown-key", f"unknown key `{word}`", f"did you mean `# {near}: ...`?")
            elif block.head or ended.has_lines:
                hint = f"known: {', '.join(KEYS)}; in a sentence, begin with another word"
                self._warn(number, column, "unknown-key", f"`{word}:` is no key and says nothing here", hint)
        if not block.head.get("reason"):
            self._no_reason(ended, block)
        elif not ended.has_lines:
            hint = "a blank line ends a block: remove it, or the comment"
            self._warn(block.line, 1, "empty-block", "the block has a reason and no tests", hint)
        if ended.has_lines:
            self._blocks.append(block)

    def _no_reason(self, ended: _OpenBlock, block: Block) -> None:
        if ended.follows_directly and block.head:
            key = min(block.places, key=lambda key: block.places[key])
            hint = "write it above the first test of its block, or give the new block a reason"
            message = f"`{key}:` behind a test begins a new block, which has no reason"
            self._error(*block.places[key], "misplaced-key", message, hint)
        elif ended.has_lines:
            self._error(block.line, 1, "no-reason", "the block has no reason", _NO_REASON)
        elif block.head:
            self._warn(block.line, 1, "empty-block", "the block has neither reason nor tests", "remove it")

    def _error(self, line: int, column: int, code: str, message: str, hint: str) -> None:
        self._errors.append(Finding(self._path, line, column, message, hint, code))

    def _warn(self, line: int, column: int, code: str, message: str, hint: str) -> None:
        self._warnings.add(Finding(self._path, line, column, message, hint, code))


class _OpenBlock:
    """The block that is being read, if one has begun, and what is known of it only at its end."""

    def __init__(self) -> None:
        self.block: Block | None = None
        self.has_lines = False
        self.follows_directly = False
        self.unknown: list[tuple[int, int, str, str]] = []

    def begin(self, line: int) -> Block:
        self.block = self.block or Block(line)
        return self.block
