"""The checks of this folder are plain functions; their asserts tell what they compared, as those of tests do."""

import pytest

pytest.register_assert_rewrite("fuzz.of_configuration", "fuzz.of_state", "fuzz.of_texts")
