"""Who goes before whom, by user, session and process group."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from f5d.engine.turns import Share, Turns, in_turns, new_levels

SHARES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))


def order(*shares: Share, taken: dict[Share, int] | None = None) -> list[int]:
    """Return the places in the queue, oldest first, in the order of their turns."""
    return in_turns(range(len(shares)), lambda age: shares[age], taken or {})


def test_of_one_client_the_oldest_goes_first() -> None:
    """What nothing tells apart keeps its order."""
    assert order(*[(1, 1, 1)] * 4) == [0, 1, 2, 3]


def test_a_user_s_crowd_waits_for_another_user_s_only_job() -> None:
    """Forty process groups, or forty terminals, are one user: of them one goes before another user's job."""
    groups: list[Share] = [(1, 1, group) for group in range(40)]
    assert order(*groups, (2, 1, 1))[:3] == [0, 40, 1]
    sessions: list[Share] = [(1, session, session) for session in range(40)]
    assert order(*sessions, (2, 1, 1))[:3] == [0, 40, 1]


def test_a_terminal_s_crowd_waits_for_another_terminal() -> None:
    """A loop that starts forty commands with `&` in one shell keeps the user's other shell waiting for one."""
    groups: list[Share] = [(1, 1, group) for group in range(40)]
    assert order(*groups, (1, 2, 99))[:3] == [0, 40, 1]


def test_a_pipeline_s_crowd_waits_for_another_command_of_the_shell() -> None:
    """A whole xargs is one client beside another command of the same terminal."""
    assert order(*[(1, 1, 1)] * 40, (1, 1, 2))[:3] == [0, 40, 1]


def test_turns_that_were_taken_count() -> None:
    """Whoever has three jobs in the engine has had three turns; within him the one who has had none is next."""
    taken: dict[Share, int] = {(1,): 3, (1, 1): 3, (1, 1, 1): 2, (1, 1, 2): 1}
    assert order((1, 1, 1), (1, 1, 2), (1, 1, 3), (2, 1, 1), (2, 1, 1), taken=taken) == [3, 4, 2, 1, 0]


@given(st.lists(SHARES, max_size=30))
def test_nobody_is_left_out_and_nobody_s_second_passes_another_s_first(shares: list[Share]) -> None:
    """Every item has its place; users' first items come before anybody's second."""
    found = order(*shares)
    assert sorted(found) == list(range(len(shares)))
    users = {share[0] for share in shares}
    assert {shares[age][0] for age in found[: len(users)]} == users


def test_a_newcomer_begins_with_the_present_turn() -> None:
    """He waits for no turns of the past and takes none that others have had before he came."""
    turns = Turns()
    turns.join((1,))
    turns.join((1,))
    turns.leave((1,), served=True)
    turns.join((2,))
    assert turns.taken == {(1,): 1, (2,): 1}
    turns.leave((2,), served=False)
    turns.leave((1,), served=True)
    assert turns.taken == {}, "nobody waits, nothing is remembered"


def test_how_new_somebody_is() -> None:
    """A known client is not new, a group of a known shell a little, another user altogether."""
    others: list[Share] = [(1, 1, 1), (1, 1, 2), (3,)]
    assert [new_levels(share, others) for share in ((1, 1, 2), (1, 1, 3), (1, 2, 1), (2, 1, 1))] == [0, 1, 2, 3]
    assert [new_levels(share, others) for share in ((3,), (4,), ())] == [0, 1, 0]
