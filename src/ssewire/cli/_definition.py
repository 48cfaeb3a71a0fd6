# SPDX-License-Identifier: MIT
"""The commands and their options, in one place: parsing, --help, completion and `man` read it.

A command's module has `DESCRIPTION` and `NOTES`, paragraphs for --help; `EXITS`, the exit codes
that it may end with; `add_options(parser)`, which adds its arguments; and `run(args)`, which
carries it out and returns the exit code.
Only the module of the command given is imported: the network's cost more than all of `parse`.
May import: _version, parser, _exit.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from importlib import import_module

from .._version import __version__
from ..parser import IMPLEMENTATION
from ._exit import EXIT_CODES, USAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, NoReturn

SUMMARY = "Server-sent events, and Claude's messages, on the command line."

# Command -> module and what `ssewire --help` says of it.
COMMANDS = {
    "parse": ("parse", "write the events of files or of standard input as NDJSON"),
    "tail": ("tail", "follow an event stream, across reconnects"),
    "record": ("record", "write a stream to a file as it comes, with its timing"),
    "claude": ("claude", "ask Claude, or talk with it, and print answers as they come"),
    "claude-parse": ("claude_parse", "print the text or message of recorded Claude streams"),
    "replay": ("replay", "serve recordings: a stand-in for the Claude API, for tests"),
    "demo": ("demo", "a bundled answer through both clients; no network, no key"),
    "bench": ("bench", "measure both implementations on this machine"),
    "vendor": ("vendor", "copy the parser in pure Python into a package of yours"),
    "completion": ("completion", "print the completions for bash, zsh or fish"),
    "man": ("man", "print the manual page"),
}


class CommandParser(argparse.ArgumentParser):
    """The parser of `ssewire` or of one command of it.

    Options may stand between positional arguments, and what is nearly an option is told.
    """

    def __init__(
        self, prog: str, description: str, notes: str = "", exits: Sequence[int] = ()
    ) -> None:
        lines = [f"  {code:<4} {EXIT_CODES[code]}" for code in exits]
        codes = "\n".join(["exit codes:", *lines]) if lines else ""
        super().__init__(
            prog=prog,
            description=description,
            epilog="\n\n".join(filter(None, (notes, codes))),
            formatter_class=_Help,
        )
        self.notes: str = notes
        self.exits: tuple[int, ...] = tuple(exits)
        # From 3.14 on argparse colours what it prints, which a `PrintableText` would show as
        # escapes.
        self.color = False

    def settle(self) -> CommandParser:
        """Write the line that stands after "usage:", once all arguments are added."""
        words = [self.prog]
        words += (
            f"{action.option_strings[0]} {value_of(action)}"
            for action in options_of(self)
            if action.required
        )
        words.append("[OPTION ...]")
        words += map(operand, operands_of(self))
        self.usage = " ".join(words).replace("%", "%%")
        return self

    def parse_all(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments; where they are wrong, end with code 2 after a sentence on stderr."""
        args, unknown = self.parse_known_intermixed_args(list(arguments))
        if unknown:
            wrong = next((word for word in unknown if word.startswith("-")), unknown[0])
            if not wrong.startswith("-"):
                self.error(f"one argument too many: {wrong}")
            name = wrong.partition("=")[0]
            options = [text for action in options_of(self) for text in action.option_strings]
            self.error(f"no option {name}{did_you_mean(name, options)}")
        return args

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own says nothing where it cannot be written, and ends with 0.
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end with code 2."""
        text = f"{self.format_usage()}{self.prog}: error: {message}\n"
        self.exit(USAGE, f"{text}{self.prog} --help lists the options.\n")


class _Help(argparse.HelpFormatter):
    """Lines are filled; what does not fit into a table's row is set in to its second column."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        filled = []
        for paragraph in text.split("\n\n"):
            for line in paragraph.split("\n"):
                # Of a table's row the second column.
                row = re.match(r" +\S+ +", line)
                inset = " " * len(row[0]) if row else ""
                filled += textwrap.wrap(line, width, subsequent_indent=inset)
            filled.append("")
        return "\n".join(indent + line for line in filled)


def options_of(parser: CommandParser) -> list[argparse.Action]:
    """Return what begins with a dash."""
    return [action for action in parser._actions if action.option_strings]


def operands_of(parser: CommandParser) -> list[argparse.Action]:
    """Return what does not."""
    return [action for action in parser._actions if not action.option_strings]


def value_of(action: argparse.Action) -> str | None:
    """Return the name of an argument's value; None if it takes none."""
    if action.nargs == 0:
        return None
    if action.choices is not None and action.metavar is None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())


def help_of(action: argparse.Action) -> str:
    """Return what --help says of an argument, on one line."""
    return str(action.help or "") % vars(action)


def operand(action: argparse.Action) -> str:
    """Return how a positional argument stands in a line of usage."""
    name = str(value_of(action))
    if action.nargs == "+":
        return f"{name} [{name} ...]"
    if action.nargs == "*":
        return f"[{name} ...]"
    return f"[{name}]" if action.nargs == "?" else name


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" if `word` is nearly one of `known`, else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def command_parser(command: str) -> CommandParser:
    """Return the parser of one command, which imports its module."""
    module: Any = import_module(f"{__package__}.{COMMANDS[command][0]}")
    parser = CommandParser(f"ssewire {command}", module.DESCRIPTION, module.NOTES, module.EXITS)
    parser.set_defaults(run=module.run)
    module.add_options(parser)
    return parser.settle()


def main_parser() -> CommandParser:
    """Return the parser of what stands before a command."""
    width = max(map(len, COMMANDS))
    rows = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    notes = "\n".join(["commands (ssewire COMMAND --help says more):", *rows])
    parser = CommandParser("ssewire", SUMMARY, notes, tuple(EXIT_CODES))
    parser.add_argument("--version", action="version", version=_version())
    parser.usage = "ssewire COMMAND [OPTION ...]"
    return parser


def _version() -> str:
    # Which parser it is shows where a compiler was missing when it was installed.
    return f"ssewire {__version__} ({IMPLEMENTATION} parser)"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse what stands after `ssewire`; the command's `run` is in the result.

    Raises:
        SystemExit: with code 2 where it is wrong, with 0 after --help and --version.
    """
    if arguments and arguments[0] in COMMANDS:
        return command_parser(arguments[0]).parse_all(arguments[1:])
    parser = main_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(USAGE)
    word = arguments[0]
    if word.startswith("-"):
        # Ends here for --help and --version.
        parser.parse_known_args(arguments)
        if any(other in COMMANDS for other in arguments):
            parser.error("the command comes first")
        parser.error(f"no option {word}{did_you_mean(word, ('--help', '--version'))}")
    if word.startswith(("http://", "https://")):
        parser.error(f"no command {word}; to follow it: ssewire tail URL")
    if os.path.isfile(word):
        parser.error(f"no command {word}; to read that file: ssewire parse FILE")
    parser.error(f"no command {word}{did_you_mean(word, COMMANDS)}")
