"""What a secret may look like where it is shown."""

import pytest

from process_control.core.masking import mask


@pytest.mark.parametrize("shown", ["-pcorrect-horse ", "-pcorrect-horse", "fatal correct-horse\n"])
def test_a_secret_with_a_blank_at_its_end_is_masked_without_it_too(shown: str) -> None:
    assert "correct-horse" not in mask(shown, ["correct-horse "])


def test_what_is_left_of_a_short_secret_without_its_blanks_masks_nothing() -> None:
    assert mask("a cat", ["cat      "]) == "a cat"
