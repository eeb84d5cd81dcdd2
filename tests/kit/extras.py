"""A copy of the installation with an extra of the package, for the tests of a session or a file."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kit.installation import Product
from kit.warm_commands import warm_commands


@contextmanager
def with_extra(product: Product, extra: str, *, more: Sequence[str], as_links: bool = False) -> Iterator[Product]:
    """Yield a copy of `product` that has the extra besides, where every account may enter; remove it at the end.

    `more`: what its commands import late, see `warm_commands`. `as_links`: where no test damages the extra.
    """
    # Beside the product: the copy is of links, which need one file system. Directories of pytest are for us alone.
    folder = Path(tempfile.mkdtemp(prefix=f"process-control-{extra}-", dir="/tmp"))
    folder.chmod(0o755)
    copy = product.copy_to(folder / "installation")
    copy.add_extra(extra, as_links=as_links)
    with warm_commands(copy, more=more):
        yield copy
    shutil.rmtree(folder)
