"""How the commands print: on a terminal, in a pipe, as JSON."""
