"""JSON in which numbers keep their spelling: `1.0` stays `1.0`."""

import json


class Spelled(float):
    """A number with the text that it was read from."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number


def parse(text):
    return json.loads(text, parse_float=Spelled)


def parsed_or_none(text):
    """The value in a text, or None when it holds no JSON (or null, which no case needs)."""
    try:
        return parse(text)
    except ValueError:
        return None


def compact(value):
    """JSON without blanks, members in their order."""
    return _text(value, ",", ":")


def spaced(value):
    """JSON as Python's library spells it: what a function's runtime answers for an exception."""
    return _text(value, ", ", ": ")


def _text(value, comma, colon):
    if isinstance(value, dict):
        members = (f"{_text(k, comma, colon)}{colon}{_text(v, comma, colon)}" for k, v in value.items())
        return "{" + comma.join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + comma.join(_text(each, comma, colon) for each in value) + "]"
    if isinstance(value, Spelled):
        return value.text
    return json.dumps(value, ensure_ascii=False)
