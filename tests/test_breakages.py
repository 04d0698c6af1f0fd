"""The list of breakages keeps up with the code; `python tests/breakages.py` tries it."""

import breakages


def test_every_place_is_still_in_the_code():
    assert breakages.missing() == []
