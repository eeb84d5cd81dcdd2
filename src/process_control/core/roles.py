"""The roles of the page, and what each may do. A role may do what those before it may."""

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"
ROLES = (VIEWER, OPERATOR, ADMIN)


def has_rights_of(role: str, needed: str) -> bool:
    """Return whether `role` may do what needs the role `needed`."""
    return ROLES.index(role) >= ROLES.index(needed)
