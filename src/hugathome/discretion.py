"""Errors that tell what happened, and carry nothing of what was passed in.

A traceback holds the local variables of every function on its way, and tools that report errors send them
along: a code as it was typed, a link, a text that was not delivered. So the frames below a public call are
emptied before its error reaches the host. Files and lines stay, and so does whatever the error itself says.

What nobody expected may say anything: of that, only the kind and the place are logged.
"""

import logging
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction, isgeneratorfunction
from traceback import clear_frames, extract_tb
from typing import Any, TypeVar

T = TypeVar("T")

_LOGGER = logging.getLogger("hugathome")


def emptied(error: T, *, handled: BaseException | None = None) -> T:
    """Return `error` without the variables of the functions that raised it and its causes.

    `handled` was being handled before: what led to it is the host's own.
    """
    each: Any = error
    while each is not None and each is not handled:
        clear_frames(each.__traceback__)
        each = each.__cause__ or each.__context__
    return error


def log_unexpected(error: BaseException) -> None:
    """Log what kind of error came from where, and not its message, which may quote somebody."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            log_unexpected(each)
        return
    places = [f"{each.filename}:{each.lineno}" for each in extract_tb(error.__traceback__)[-3:]]
    _LOGGER.error("unexpected %s at %s", type(error).__name__, " < ".join(reversed(places)))


def discreet(kind: type[T]) -> type[T]:
    """Have every public method of a class raise its errors with the frames below it emptied."""
    for name, member in list(vars(kind).items()):
        if isfunction(member) and not (name.startswith("_") or _yields(member)):
            setattr(kind, name, _awaited(member) if iscoroutinefunction(member) else _called(member))
    return kind


def _yields(method: Callable[..., Any]) -> bool:
    return isgeneratorfunction(method) or isasyncgenfunction(method)


def _awaited(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def discreetly(*args: Any, **kwargs: Any) -> Any:
        handled = sys.exception()
        try:
            return await method(*args, **kwargs)
        except BaseException as error:
            emptied(error, handled=handled)
            raise
        finally:
            del args, kwargs  # this frame still runs, and is not emptied

    return discreetly


def _called(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def discreetly(*args: Any, **kwargs: Any) -> Any:
        handled = sys.exception()
        try:
            return method(*args, **kwargs)
        except BaseException as error:
            emptied(error, handled=handled)
            raise
        finally:
            del args, kwargs  # as above

    return discreetly
