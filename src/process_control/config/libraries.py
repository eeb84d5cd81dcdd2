"""Finds the libraries of the parser.

Lean module.
"""


def find_site_packages() -> None:
    """Add site-packages, which has the parser's libraries, to an interpreter that was started with -S."""
    try:
        import yaml  # noqa: F401
    except ModuleNotFoundError:
        import site

        site.main()
