"""Where the libraries of the parser are found.

Lean module.
"""


def find_site_packages() -> None:
    """Give an interpreter that was started with -S its site-packages, where the parser's libraries are."""
    try:
        import yaml  # noqa: F401
    except ModuleNotFoundError:
        import site

        site.main()
