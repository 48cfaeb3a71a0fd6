# SPDX-License-Identifier: MIT
"""The command `ssewire completion bash`: a completion script, made from the commands' definition.

The same for zsh and fish.

What stands for a file is completed to the names of files, an option's choices to these.
May import: _definition.
"""

from __future__ import annotations

import argparse

from ._definition import COMMANDS, command_parser, help_of, operands_of, options_of, value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = "Print what completes commands, options and file names in a shell."
NOTES = """\
To have it always:

 bash  ssewire completion bash > ~/.local/share/bash-completion/completions/ssewire
 zsh   ssewire completion zsh > DIR/_ssewire, where DIR is one of those in $fpath
 fish  ssewire completion fish > ~/.config/fish/completions/ssewire.fish

In this shell only: source <(ssewire completion bash), or ssewire completion fish | source."""
EXITS = (0, 2, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("shell", choices=tuple(_SHELLS), metavar="SHELL", help="bash, zsh or fish")


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire completion`."""
    print("\n".join(_SHELLS[args.shell]()))
    return 0


def _is_file(action: argparse.Action) -> bool:
    return value_of(action) in ("FILE", "DIR")


def _quoted(text: str) -> str:
    """Return text between single quotes, for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _bash() -> Iterator[str]:
    yield "# bash completion for ssewire, as `ssewire completion bash` prints it"
    yield "_ssewire() {"
    # One name a line, so that names of files may have spaces in them.
    yield "    local IFS=$'\\n' cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
    yield "    local words= files="
    yield "    COMPREPLY=()"
    # bash takes --color=never for three words.
    yield "    if [[ $cur == = ]]; then cur="
    yield "    elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi"
    yield "    if (( COMP_CWORD == 1 )); then"
    yield f"        words={_lines([*COMMANDS, '--help', '--version'])}"
    yield "    else case ${COMP_WORDS[1]} in"
    for command in COMMANDS:
        parser = command_parser(command)
        yield f"    {command}) case $prev in"
        for action in options_of(parser):
            if value_of(action) is not None:
                each = "|".join(action.option_strings)
                yield f"        {each}) {_bash_value(action)} ;;"
        names = [name for action in options_of(parser) for name in action.option_strings]
        otherwise = [f"words={_lines(names)}"]
        otherwise += (_bash_value(action) for action in operands_of(parser)[:1])
        yield f"        *) if [[ $cur == -* ]]; then {otherwise[0]}"
        yield f"           else {' '.join(otherwise[1:]) or ':'}; fi ;;"
        yield "        esac ;;"
    yield "    esac; fi"
    yield '    if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$cur"))'
    yield "    elif [[ -n $files ]]; then"
    yield '        COMPREPLY=($(compgen -f -- "$cur"))'
    yield "        compopt -o filenames 2>/dev/null"
    yield "    fi"
    yield "}"
    yield "complete -F _ssewire ssewire"


def _lines(words: list[str]) -> str:
    return "$'" + "\\n".join(words) + "'"


def _bash_value(action: argparse.Action) -> str:
    if action.choices is not None:
        return f"words={_lines(list(map(str, action.choices)))}"
    return "files=yes" if _is_file(action) else ":"


def _zsh() -> Iterator[str]:
    yield "#compdef ssewire"
    yield "# zsh completion for ssewire, as `ssewire completion zsh` prints it"
    yield "_ssewire() {"
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    yield "    _arguments -C '(- *)'{-h,--help}'[show help]' '(- *)--version[show the version]' \\"
    yield "        '1:command:->command' '*::argument:->argument'"
    yield "    case $state in"
    yield "    command)"
    yield "        local -a commands"
    yield "        commands=("
    for command, (_, summary) in COMMANDS.items():
        yield f"            {_quoted(f'{command}:{summary}')}"
    yield "        )"
    yield "        _describe command commands ;;"
    yield "    argument)"
    yield "        case $words[1] in"
    for command in COMMANDS:
        parser = command_parser(command)
        yield f"        {command})"
        yield "            _arguments -s \\"
        specs = [*map(_zsh_option, options_of(parser)), *map(_zsh_operand, operands_of(parser))]
        for spec in specs[:-1]:
            yield f"                {spec} \\"
        yield f"                {specs[-1]} ;;"
    yield "        esac ;;"
    yield "    esac"
    yield "}"
    # Found in $fpath it is called, sourced it tells what it is for.
    yield 'if [ "$funcstack[1]" = _ssewire ]; then _ssewire "$@"; else compdef _ssewire ssewire; fi'


def _zsh_option(action: argparse.Action) -> str:
    value = value_of(action)
    names = action.option_strings
    says = f"[{_zsh_text(help_of(action))}]"
    end = "" if value is None else f":{_zsh_text(value)}:{_zsh_values(action)}"
    repeatable = "append" in type(action).__name__.lower()
    specs = []
    for name in names:
        # What follows: in the same word or the next, or after =.
        follows = "" if value is None else "=" if name.startswith("--") else "+"
        others = "*" if repeatable else f"({' '.join(names)})" if len(names) > 1 else ""
        specs.append(_quoted(f"{others}{name}{follows}{says}{end}"))
    return " ".join(specs)


def _zsh_operand(action: argparse.Action) -> str:
    value = _zsh_text(str(value_of(action)))
    many = "*" if action.nargs in ("*", "+") else "1"
    # Where nothing can be offered, nothing is said either: a message would keep zsh from
    # completing an option in that place.
    values = _zsh_values(action)
    return _quoted(f"{many}: :( )" if values == " " else f"{many}:{value}:{values}")


def _zsh_values(action: argparse.Action) -> str:
    if action.choices is not None:
        return f"({' '.join(map(str, action.choices))})"
    if value_of(action) == "DIR":
        return "_files -/"
    return "_files" if _is_file(action) else " "


def _zsh_text(text: str) -> str:
    for char in "\\[]:":
        text = text.replace(char, "\\" + char)
    return text


def _fish() -> Iterator[str]:
    yield "# fish completion for ssewire, as `ssewire completion fish` prints it"
    yield "complete -c ssewire -f"
    yield "complete -c ssewire -n __fish_use_subcommand -s h -l help -d 'show help'"
    yield "complete -c ssewire -n __fish_use_subcommand -l version -d 'show the version'"
    for command, (_, summary) in COMMANDS.items():
        yield f"complete -c ssewire -n __fish_use_subcommand -a {command} -d {_fish_text(summary)}"
    for command in COMMANDS:
        parser = command_parser(command)
        when = f"complete -c ssewire -n '__fish_seen_subcommand_from {command}'"
        for action in options_of(parser):
            names = (
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in action.option_strings
            )
            values = _fish_values(action)
            yield f"{when} {' '.join(names)}{values} -d {_fish_text(help_of(action))}"
        for action in operands_of(parser):
            if action.choices is not None or _is_file(action):
                yield f"{when}{_fish_values(action).replace(' -r', '').replace(' -x', '')}"


def _fish_values(action: argparse.Action) -> str:
    if value_of(action) is None:
        return ""
    if action.choices is not None:
        return f" -x -a {_fish_text(' '.join(map(str, action.choices)))}"
    return " -r -F" if _is_file(action) else " -x"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
