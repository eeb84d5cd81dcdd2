"""The screens: each reads views, and fills one template."""
