"""Words with which no program can be meant: a shell's own commands and grammar. Lean module."""

OF_THE_SHELL = frozenset(
    (
        ".", ":", "[[", "alias", "bg", "builtin", "case", "cd", "declare", "eval", "exec", "exit", "export",
        "fg", "for", "function", "if", "let", "local", "popd", "pushd", "read", "readonly", "return", "select",
        "set", "shift", "shopt", "source", "trap", "type", "typeset", "ulimit", "umask", "unset", "until",
        "wait", "while", "{", "!",
    )
)  # fmt: skip


def is_of_the_shell(word: str) -> bool:
    """Tell whether the first word of a command means something to a shell only: `cd`, `FOO=bar`, `if`."""
    name, equals, _ = word.partition("=")
    return word in OF_THE_SHELL or bool(equals and name.isascii() and name.removesuffix("+").isidentifier())
