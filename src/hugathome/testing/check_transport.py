"""Prove that a transport keeps the promises of `hugathome.signalling.Transport`.

    async def connect_pair():
        return my_client_end, my_server_end

    await check_transport(connect_pair)

Every rule is tried on pairs of its own and in both directions. The first one that is broken raises
`ConformanceFailure`, whose `rule` names it. What three methods cannot promise is not checked: close
codes, limits of size, who may connect. It needs no test runner, and takes a second or two for a pair in
memory, some seconds for one over a network.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from hugathome.testing import _closing_rules as closing
from hugathome.testing import _framing_rules as framing
from hugathome.testing._bench import Bench, ConnectPair
from hugathome.testing.conformance import ConformanceFailure

_RULES = (
    framing.frames_arrive_as_they_were_sent,
    framing.both_directions_carry_at_once,
    framing.frames_of_several_senders_stay_whole,
    closing.closing_is_quick_and_may_be_repeated,
    closing.after_its_own_close_an_end_raises_transport_closed,
    closing.receiving_from_a_closed_peer_raises_transport_closed,
    closing.sending_to_a_closed_peer_soon_raises_transport_closed,
    closing.a_waiting_receive_ends_with_its_own_close,
    closing.a_waiting_receive_ends_when_the_peer_closes,
    closing.both_ends_may_close_at_once,
    closing.what_was_sent_before_a_close_still_arrives,
    framing.pairs_do_not_mix,
    closing.a_send_waits_while_nobody_reads,
    closing.closing_does_not_wait_for_a_peer_that_stopped_reading,
    closing.a_waiting_send_ends_when_the_peer_closes,
    framing.a_receive_can_be_timed_out,
    framing.a_cancelled_receive_loses_nothing,
    framing.a_cancelled_send_leaves_the_other_frames_whole,
    framing.a_cancelled_close_can_be_repeated,
    framing.many_frames_all_arrive_in_order,
    closing.many_pairs_leave_no_file_open,
    closing.many_pairs_leave_no_thread_running,
)


async def check_transport(connect_pair: ConnectPair, *, patience: timedelta = timedelta(seconds=5)) -> None:
    """Raise `ConformanceFailure` unless the ends that `connect_pair` returns keep every rule.

    `connect_pair` is called many times, each time for two connected ends, which are closed here. A call
    that should return and has not within `patience` breaks the rule that was being tried.
    """
    for rule in _RULES:
        name = rule.__name__.replace("_", " ")
        for turned in (False, True):
            await _try(rule, Bench(connect_pair, patience.total_seconds(), rule=name, turned=turned))


async def _try(rule: Callable[[Bench], Awaitable[None]], bench: Bench) -> None:
    before = asyncio.all_tasks()
    try:
        await rule(bench)
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        failure = _first(error)
        if isinstance(failure, ConformanceFailure):
            raise failure from None
        raise bench.broken(f"raised {failure!r}") from error
    finally:
        await bench.close()
    left = ConformanceFailure("closing leaves no task", f"one still runs after: {bench.rule}")
    await bench.expect(lambda: asyncio.all_tasks() <= before, otherwise=left)


def _is_cancelled() -> bool:
    """Tell a cancellation of the whole check from a transport that raises `CancelledError` by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(error: BaseException) -> BaseException:
    """Return the first error inside the groups that task groups raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
