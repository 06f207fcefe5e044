"""Plain values as JSON, type by type: what passes between the tests and the code they test.

Numbers, text, bytes, None, and lists, tuples, sets and dictionaries of these arrive as exactly that type, NaN, infinity
and integers of any length included. A subclass (a `Counter`, a named tuple) arrives as the plain type below it. Any
other object stays where it is and arrives as a reference, which equals nothing but itself. So no object of the sender
ever answers a comparison of the receiver.

Runs inside the sandbox: standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

_SMALL_INTEGER = 1 << 53
_SEQUENCES: tuple[tuple[type, Callable[[Iterable[Any]], Any]], ...] = (
    (list, list),
    (tuple, tuple),
    (set, set),
    (frozenset, frozenset),
)


class NotPlainError(ValueError):
    """A value cannot be sent, or what arrived is no value."""


def encode(value: Any, refer: Callable[[Any], int | None]) -> Any:
    """Return `value` as JSON data; `refer` numbers an object that is not plain, or returns None to refuse it.

    Raises:
        NotPlainError: it contains an object that `refer` refuses, or itself.
    """
    try:
        return _encode(value, refer)
    except RecursionError:
        raise NotPlainError("a value that contains itself, or is nested too deeply") from None


def decode(data: Any, resolve: Callable[[int], Any]) -> Any:
    """Return the value that `data` stands for; `resolve` returns the object of a number.

    Raises:
        NotPlainError: `data` is nothing that `encode` returns.
    """
    try:
        return _decode(data, resolve)
    except (TypeError, ValueError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise NotPlainError(f"not a value: {type(error).__name__}") from None


def _encode(value: Any, refer: Callable[[Any], int | None]) -> Any:
    if value is None or value is True or value is False:
        return value
    number = _encode_scalar(value)
    if number is not None:
        return number
    for kind, _ in _SEQUENCES:
        if isinstance(value, kind):
            # The base type's own iterator: a subclass has no say in what it holds.
            members = cast("Iterable[Any]", cast("Any", kind).__iter__(value))
            return [kind.__name__, [_encode(member, refer) for member in members]]
    if isinstance(value, dict):
        pairs = cast("Iterable[tuple[Any, Any]]", cast("Any", dict).items(value))
        return ["dict", [[_encode(key, refer), _encode(held, refer)] for key, held in pairs]]
    number = refer(value)
    if number is None:
        raise NotPlainError(f"a value of type `{type(value).__name__}`")
    return ["ref", number]


def _encode_scalar(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        plain = int.__int__(value)
        return plain if abs(plain) < _SMALL_INTEGER else ["int", hex(plain)]
    if isinstance(value, float):
        return ["float", float.hex(float.__float__(value))]
    if isinstance(value, complex):
        return ["complex", [float.hex(value.real), float.hex(value.imag)]]
    if isinstance(value, bytes | bytearray):
        return ["bytes" if isinstance(value, bytes) else "bytearray", bytes(value).hex()]
    return None


def _decode(data: Any, resolve: Callable[[int], Any]) -> Any:
    if data is None or type(data) in (bool, int, str):
        return data
    tag, held = data
    if tag == "ref":
        if type(held) is not int:
            raise TypeError
        return resolve(held)
    if tag == "dict":
        return {_decode(key, resolve): _decode(value, resolve) for key, value in held}
    for kind, build in _SEQUENCES:
        if tag == kind.__name__:
            if type(held) is not list:
                raise TypeError
            return build([_decode(member, resolve) for member in cast("list[Any]", held)])
    return _SCALARS[tag](held)


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "int": lambda held: int(held, 16),
    "float": float.fromhex,
    "complex": lambda held: complex(float.fromhex(held[0]), float.fromhex(held[1])),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
}
