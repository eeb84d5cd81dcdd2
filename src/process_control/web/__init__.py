"""The page and its API: they read views and call actions; the only importer of starlette, uvicorn and jinja2."""
