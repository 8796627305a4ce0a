"""Operations as methods of both clients, written once: descriptors that send what they make."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from soundalike.client.call import Call

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class ItemPage(Protocol[Item_co]):
    """A page of a list; `next_cursor` is None on the last one."""

    @property
    def items(self) -> Sequence[Item_co]:
        """Its items."""

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page."""


class Sender(ABC):
    """A client that waits for each answer."""

    @abstractmethod
    def send(self, call: Call[Answer]) -> Answer:
        """Send a call and return its answer. Raises ApiError."""


class AsyncSender(ABC):
    """A client whose answers are awaited."""

    @abstractmethod
    async def send(self, call: Call[Answer]) -> Answer:
        """Send a call and return its answer. Raises ApiError."""


class Operation(Generic[Given, Answer]):
    """A function that makes a call, as a method that sends it: awaited on an AsyncClient."""

    def __init__(self, call: Callable[Given, Call[Answer]]) -> None:
        self.call = call
        self.__doc__ = call.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[Given, Answer]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[Given, Awaitable[Answer]]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Any:
        """Bind the operation to a client."""
        return self if client is None else _bound(client.send, self.call)


class Listing(Generic[Given, Item]):
    """A function that makes the call of a first page, as a method that iterates over all items."""

    def __init__(self, call: Callable[Given, Call[ItemPage[Item]]]) -> None:
        self.call = call
        self.__doc__ = call.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> Callable[Given, Iterator[Item]]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: type) -> Callable[Given, AsyncIterator[Item]]: ...
    def __get__(self, client: Sender | AsyncSender | None, owner: type) -> Any:
        """Bind the listing to a client."""
        if client is None:
            return self
        if isinstance(client, Sender):
            return _bound(partial(_items, client), self.call)
        return _bound(partial(_async_items, client), self.call)


def _bound(
    send: Callable[[Call[Any]], object], call: Callable[Given, Call[Any]]
) -> Callable[Given, object]:
    @wraps(call)
    def method(*given: Given.args, **named: Given.kwargs) -> object:
        return send(call(*given, **named))

    return method


def _items(client: Sender, call: Call[ItemPage[Item]]) -> Iterator[Item]:
    page = client.send(call)
    yield from page.items
    while page.next_cursor:
        page = client.send(call.after(page.next_cursor))
        yield from page.items


async def _async_items(client: AsyncSender, call: Call[ItemPage[Item]]) -> AsyncIterator[Item]:
    page = await client.send(call)
    for item in page.items:
        yield item
    while page.next_cursor:
        page = await client.send(call.after(page.next_cursor))
        for item in page.items:
            yield item
