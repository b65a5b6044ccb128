"""Change words of a prompt and keep the rest grammatical: articles, capitals, verbs that agree with a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tia2.prompts.rules.inflection import article, like, number_word, plural, plural_verb
from tia2.prompts.rules.parsing import ObjectGroup, Reading
from tia2.prompts.rules.vocabulary import BE

Change = tuple[int, int, str]
"""From where to where in the text, and what is written there instead."""

_SINGULAR_VERBS = {plural_form: singular_form for singular_form, plural_form in BE.items()}


def rewrite(text: str, changes: Sequence[Change]) -> str:
    """Apply changes that don't overlap; an "a" or "an" right before one is made to fit what follows it.

    Example:
        >>> rewrite("A red apple", [(2, 6, "")]), rewrite("an apple", [(3, 8, "pear")])
        ('An apple', 'a pear')
    """
    done: list[str] = []
    articles: list[int] = []
    at = length = 0
    for start, end, new in sorted(changes):
        before = re.search(r"(?<!\S)an? $", text[max(start - 4, 0) : start], re.I)
        kept = text[at:start]
        if before:
            articles.append(length + len(kept) - len(before[0]))
        done += [kept, new]
        length += len(kept) + len(new)
        at = end
    result = "".join([*done, text[at:]])
    for position in reversed(articles):
        result = result[:position] + re.sub(r"^an?(?= (\S+))", _fitting, result[position:], count=1, flags=re.I)
    return capital_as(text, " ".join(result.split()))


def _fitting(match: re.Match[str]) -> str:
    return like(match[0][0] if match[0][0].isupper() else "a", article(match[1]))


def starts_sentence(text: str, position: int) -> bool:
    """Return whether a sentence begins at a place in a text."""
    return position == 0 or (position > 0 and text[:position].rstrip()[-1:] in {".", "!", "?"})


def capital_as(model: str, text: str) -> str:
    """Begin a text with a capital when another text does."""
    return text[:1].upper() + text[1:] if model[:1].isupper() else text


def counted(reading: Reading, group: ObjectGroup, count: int) -> str:
    """Return a group as `count` of its objects, in the way the prompt writes numbers.

    Args:
        reading: The prompt.
        group: A group whose singular is known.
        count: The number of objects, 1 or more.

    Returns:
        For example "an apple", "one apple" or "3 apples".
    """
    determiner = reading.tokens[group.first]
    written = reading.text[determiner.start : determiner.end]
    phrase_start, head = reading.tokens[group.noun_from].start, reading.tokens[group.head]
    noun = group.noun or reading.text[head.start : head.end]
    phrase = reading.text[phrase_start : head.start] + (noun if count == 1 else plural(noun))
    digits = written.isdigit()
    if digits:
        return f"{count} {phrase}"
    if count == 1:
        ones = any(token.lower == "one" and not token.quoted for token in reading.tokens[reading.content :])
        word = "one" if ones else article(phrase.split()[0])
    else:
        word = number_word(count)
    # "A" in capitals says nothing: only longer words show whether all of the prompt is in capitals.
    model = written if len(written) > 1 or not phrase.isupper() else "AA"
    return f"{like(model, word)} {phrase}"


def with_count(reading: Reading, group: ObjectGroup, count: int) -> list[Change]:
    """Return the changes that make a group `count` objects, its verb included.

    A verb that follows several groups agrees with all of them, and stays.
    """
    start, end = reading.span(group)
    changes = [(start, end, counted(reading, group, count))]
    if group.first > 1 and reading.tokens[group.first - 2].lower == "there":
        changes += _existential(reading, group.first - 1, singular=count == 1)
    if group.verb is not None and not any(_together(reading, other, group) for other in reading.groups):
        changes += verb_for(reading, group.verb, singular=count == 1)
    return changes


def verb_for(reading: Reading, index: int, *, singular: bool) -> list[Change]:
    """Return the change of a verb that makes it singular or plural; none when it already is."""
    token = reading.tokens[index]
    verb = reading.text[token.start : token.end]
    if singular == (token.lower not in _SINGULAR_VERBS):
        return []
    new = like(verb, _SINGULAR_VERBS[token.lower]) if singular else plural_verb(verb)
    return [(token.start, token.end, new)]


def inner(reading: Reading, group: ObjectGroup) -> str:
    """Return a group as it is written in the middle of a sentence: "A cat" becomes "a cat"."""
    return _lowered(reading.words(group)) if group.kind != "bare" else reading.words(group)


def moved(reading: Reading, groups: Iterable[ObjectGroup]) -> bool:
    """Return whether groups may change places: not where a capital may be a name's."""
    return all(group.kind != "bare" or reading.words(group)[:1].islower() for group in groups)


def _existential(reading: Reading, index: int, *, singular: bool) -> list[Change]:
    known_verb = reading.tokens[index].lower in {*BE, *_SINGULAR_VERBS}
    return verb_for(reading, index, singular=singular) if known_verb else []


def _together(reading: Reading, other: ObjectGroup, group: ObjectGroup) -> bool:
    return other.stop <= group.first and reading.between(other, group).strip() in {"and", ", and", "&"}


def _lowered(text: str) -> str:
    """Lower the first letter, unless the text is in capitals altogether."""
    return text if text.isupper() or text[1:2].isupper() else text[:1].lower() + text[1:]
