"""Which of WFLW's points mark what the 68 mark."""

from __future__ import annotations

from zoo.api import IBUG68, WFLW98, generic_scheme
from zoo.api.schemes import WFLW98_OF_IBUG68, partners


def test_every_one_of_the_68_has_a_partner_and_no_two_have_the_same() -> None:
    assert len(WFLW98_OF_IBUG68) == len(set(WFLW98_OF_IBUG68)) == 68


def test_a_mirror_moves_partners_to_partners() -> None:
    assert IBUG68.flip is not None and WFLW98.flip is not None  # noqa: PT018 - for the types
    for here, there in enumerate(WFLW98_OF_IBUG68):
        assert WFLW98_OF_IBUG68[IBUG68.flip[here]] == WFLW98.flip[there], IBUG68.names[here]


def test_partners_lie_in_the_same_part_of_the_face() -> None:
    def part(name: str) -> str:
        return name.rpartition("_")[0]

    for here, there in enumerate(WFLW98_OF_IBUG68):
        assert part(IBUG68.names[here]) == part(WFLW98.names[there])
    assert IBUG68.eye_corners is not None
    assert tuple(WFLW98_OF_IBUG68[i] for i in IBUG68.eye_corners) == WFLW98.eye_corners


def test_the_way_back_is_the_inverse_and_leaves_thirty_alone() -> None:
    there, back = partners(IBUG68, WFLW98), partners(WFLW98, IBUG68)
    assert {value: key for key, value in there.items()} == back
    alone = set(range(98)) - back.keys()
    assert len(alone) == 30
    assert {96, 97} <= alone, "pupils"


def test_a_scheme_is_its_own_partner_and_strangers_have_none() -> None:
    assert partners(IBUG68, IBUG68) == {i: i for i in range(68)}
    assert partners(generic_scheme(68), IBUG68) == {}
    assert partners(IBUG68, generic_scheme(98)) == {}
