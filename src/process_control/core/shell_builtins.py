"""Words that only a shell understands: its built-in commands and its grammar.

Lean module, pure.
"""

SHELL_WORDS = frozenset(
    (
        ".", ":", "[[", "alias", "bg", "builtin", "case", "cd", "declare", "eval", "exec", "exit", "export",
        "fg", "for", "function", "if", "let", "local", "popd", "pushd", "read", "readonly", "return", "select",
        "set", "shift", "shopt", "source", "trap", "type", "typeset", "ulimit", "umask", "unset", "until",
        "wait", "while", "{", "!",
    )
)  # fmt: skip


def is_shell_word(word: str) -> bool:
    """Return whether only a shell understands this first word of a command: `cd`, `FOO=bar`, `if`."""
    name, equals, _ = word.partition("=")
    return word in SHELL_WORDS or bool(equals and name.isascii() and name.removesuffix("+").isidentifier())
