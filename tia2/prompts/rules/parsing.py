"""Find the groups of objects that a prompt names: how many, which noun, and what lies between them.

This is no parser of English. It knows where a noun phrase begins (an article, a number, the start of the prompt, a
relation) and which words end it, and gives up where it can't tell: a rule that is not applied makes no bad prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tia2.prompts.rules import vocabulary
from tia2.prompts.rules.inflection import is_word, plural, singular

WORDS_READ = 200
"""Words past these are kept, and not edited: no text encoder sees them."""

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|‘[^’]*’|`[^`]*`|(?<!\w)'[^']*'(?!\w)")


_DESCRIBED = (vocabulary.COLOUR_WORDS - vocabulary.ALSO_NOUNS) | {*vocabulary.SIZES, "colored", "coloured"}


@dataclass(frozen=True)
class Token:
    """A word: where it lies in the text, in lower case, and whether it follows the one before after a mere space."""

    start: int
    end: int
    lower: str
    joined: bool
    quoted: bool


@dataclass(frozen=True)
class ObjectGroup:
    """Some equal objects.

    Attributes:
        first, stop: Its tokens, `stop` excluded, the determiner among them.
        noun_from: The first token after the determiner.
        kind: "one" (a, an, one, 1), "many", "place" (one, but merely where or as what), "the", or "bare" (without).
        count: The number of objects, where the determiner says so.
        head: The token of the noun.
        noun: Its singular; None where it isn't known.
        verb: The token of a verb that must agree with it; None when there is none.
        fixed: Whether the number must stay, as other words depend on it.
    """

    first: int
    stop: int
    noun_from: int
    kind: str
    count: int | None
    head: int
    noun: str | None
    verb: int | None
    fixed: bool = False


@dataclass(frozen=True)
class Reading:
    """A prompt on one line, its words, the groups of objects in it, and the word where what it shows begins.

    The text ends with the last word that is read; `rest` is what follows.
    """

    text: str
    tokens: tuple[Token, ...]
    groups: tuple[ObjectGroup, ...]
    content: int
    rest: str = ""

    def span(self, group: ObjectGroup) -> tuple[int, int]:
        """Return where a group lies in the text."""
        return self.tokens[group.first].start, self.tokens[group.stop - 1].end

    def words(self, group: ObjectGroup) -> str:
        """Return a group as it is written."""
        start, end = self.span(group)
        return self.text[start:end]

    def noun_phrase(self, group: ObjectGroup) -> str:
        """Return a group without its determiner, as it is written."""
        return self.text[self.tokens[group.noun_from].start : self.tokens[group.stop - 1].end]

    def between(self, left: ObjectGroup, right: ObjectGroup) -> str:
        """Return what is written between two groups, in lower case."""
        return self.text[self.span(left)[1] : self.span(right)[0]].lower()


def read(prompt: str) -> Reading:
    """Return what the rules see in a prompt.

    Args:
        prompt: Any text.

    Returns:
        The reading; its text is the prompt with single spaces.

    Example:
        >>> reading = read("Two cats  on a mat.")
        >>> [(reading.words(group), group.count, group.noun) for group in reading.groups]
        [('Two cats', 2, 'cat'), ('a mat', 1, 'mat')]
    """
    text = " ".join(prompt.split())
    tokens = _tokens(text)
    text, rest = (text, "") if len(tokens) < WORDS_READ else (text[: tokens[-1].end], text[tokens[-1].end :])
    content = _content(tokens, text)
    groups: list[ObjectGroup] = []
    index = content
    while index < len(tokens):
        bare = index == content or (bool(groups) and _links(text, tokens, groups[-1], index))
        # What "a photo of" and "a statue of" show counts; after other prepositions, one object is a mere place.
        after_of = len(groups) == 1 and groups[0].stop == index - 1 and tokens[index - 1].lower == "of"
        group = _group(tokens, text, index, bare, shown=index == content or after_of)
        if group is not None:
            groups.append(group)
        index = group.stop if group is not None else index + 1
    return Reading(text, tuple(tokens), tuple(groups), content, rest)


def _tokens(text: str) -> list[Token]:
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        if len(tokens) == WORDS_READ:
            break
        start, end = match.span()
        joined = bool(tokens) and text[tokens[-1].end : start] == " "
        inside = any(low < start < high for low, high in quoted)
        tokens.append(Token(start, end, match[0].lower(), joined, inside))
    return tokens


def _content(tokens: list[Token], text: str) -> int:
    """Return the token after "a realistic photo of", "Painting:" and the like, 0 where the prompt has no such start."""
    begin = 0
    for index, token in enumerate(tokens[:-1]):
        ends = token.lower in vocabulary.FUNCTION_WORDS - {"a", "an", "the", "and", "of"}
        if index - begin > 6 or token.quoted or ends:
            break
        follows = tokens[index + 1]
        opened = follows.joined and follows.lower in {"of", "showing", "depicting", "featuring"}
        if token.lower in vocabulary.MEDIA and (opened or text[token.end : token.end + 1] == ":"):
            begin = index + 2 if opened else index + 1
    return begin


def _links(text: str, tokens: list[Token], group: ObjectGroup, index: int) -> bool:
    between = text[tokens[group.stop - 1].end : tokens[index].start].strip().lower()
    return between in {"and", "&", "plus", ",", ", and"} or between in vocabulary.RELATIONS


def _group(tokens: list[Token], text: str, index: int, bare: bool, *, shown: bool) -> ObjectGroup | None:
    token = tokens[index]
    if token.quoted:
        return None
    kind, count, begin = _determiner(tokens, text, index)
    if kind is None:
        no_noun = vocabulary.FUNCTION_WORDS | {"top", "bottom", "front"}
        if not bare or token.lower in no_noun or _is_participle(token.lower) or token.lower[0].isdigit():
            return None
        kind, begin = "bare", index
    stop = _noun_phrase(tokens, begin, joined=kind != "bare")
    if stop == begin:
        return None
    if kind in {"one", "many"} and tokens[begin].lower in vocabulary.IDIOMS:
        follows = tokens[stop].lower if stop < len(tokens) else ""
        if follows == "of" or stop - begin > 1:
            return None
    if kind != "bare" and tokens[stop - 1].lower in vocabulary.MEDIA - vocabulary.OBJECTS_TOO:
        return None
    if tokens[stop - 1].lower in _DESCRIBED or (kind == "one" and _is_participle(tokens[stop - 1].lower)):
        return None  # "a red, blue and green ball", "one sleeping"
    if kind == "many":
        return _many(tokens, text, index, begin, stop, count)
    if kind == "one":
        is_place = not shown and _is_place(tokens, text, index)
        return _one(tokens, text, index, begin, stop, "place" if is_place else "one")
    return ObjectGroup(index, stop, begin, kind, None, stop - 1, None, None)


def _determiner(tokens: list[Token], text: str, index: int) -> tuple[str | None, int | None, int]:
    word = tokens[index].lower
    if index and tokens[index - 1].lower in {"half", "such", "what", "many", "quite"}:
        return None, None, index
    before = text[max(tokens[index].start - 1, 0) : tokens[index].start]
    if before in {".", "$", "#", "€", "£", "/", ":"} and word.isdigit():
        return None, None, index
    if word in {"a", "an", "one", "1"}:
        single = index + 1 < len(tokens) and tokens[index + 1].joined and tokens[index + 1].lower == "single"
        return "one", 1, index + (2 if single and word in {"a", "one"} else 1)
    if word == "the":
        return "the", None, index + 1
    number = vocabulary.NUMBERS.index(word) + 1 if word in vocabulary.NUMBER_WORDS else None
    if word.isascii() and word.isdigit() and len(word) <= 2:
        number = int(word)
    if number is not None and 2 <= number <= vocabulary.LARGEST:
        return "many", number, index + 1
    return None, None, index


def _noun_phrase(tokens: list[Token], begin: int, joined: bool) -> int:
    """Return the token after the last one of the noun phrase that starts at `begin`."""
    index = begin
    while index < len(tokens):
        token = tokens[index]
        first = index == begin
        if token.quoted or (not token.joined and (joined or not first)):
            break
        if _colours_joined(tokens, index, begin):
            index += 1
            continue
        if token.lower in vocabulary.FUNCTION_WORDS or token.lower in vocabulary.NUMBER_WORDS or token.lower.isdigit():
            break
        if not first and _is_verb(tokens, index, begin):
            break
        index += 1
    return index


def _colours_joined(tokens: list[Token], index: int, begin: int) -> bool:
    """Return whether this is the "and" of "a yellow and black bus"."""
    colours = vocabulary.COLOUR_WORDS
    inside = begin < index < len(tokens) - 2 and tokens[index + 1].joined and tokens[index + 2].joined
    return bool(
        inside
        and tokens[index].lower == "and"
        and tokens[index - 1].lower in colours
        and tokens[index + 1].lower in colours
        and tokens[index + 2].lower not in vocabulary.FUNCTION_WORDS
    )


def _is_verb(tokens: list[Token], index: int, begin: int) -> bool:
    """Return whether a word after the first of a noun phrase is taken for a verb, or a participle, that ends it."""
    word = tokens[index].lower
    if word in vocabulary.VERBS:
        return True
    described = _DESCRIBED | vocabulary.ADJECTIVES | vocabulary.ATTRIBUTES
    if all(token.lower in described for token in tokens[begin:index]):
        return False
    if _is_participle(word):
        return True
    follows = tokens[index + 1] if index + 1 < len(tokens) and tokens[index + 1].joined else None
    ends = follows is None or follows.lower in vocabulary.FUNCTION_WORDS
    return word.endswith("ed") and len(word) > 4 and word not in {"colored", "coloured"} and ends


def _is_participle(word: str) -> bool:
    return word.endswith("ing") and word not in vocabulary.ING_NOUNS


def _many(tokens: list[Token], text: str, index: int, begin: int, stop: int, count: int | None) -> ObjectGroup | None:
    """Return a group of several; its noun is the last plural, and without a plural it is no group ("two year old")."""
    for head in range(stop - 1, begin - 1, -1):
        noun = singular(text[tokens[head].start : tokens[head].end])
        if noun is None:
            continue
        # "two cats sit": what stands after the plural depends on the number in a way that isn't known.
        rest = head + 1 < stop
        verb, relative = _agreeing(tokens, stop, set(vocabulary.BE.values()))
        fixed = rest or relative or any(token.lower in vocabulary.PLURAL_PRONOUNS for token in tokens[stop:])
        return ObjectGroup(index, head + 1 if rest else stop, begin, "many", count, head, noun, verb, fixed)
    return None


def _is_place(tokens: list[Token], text: str, index: int) -> bool:
    before = text[max(tokens[index].start - 12, 0) : tokens[index].start].lower().rstrip()
    return tokens[index - 1].lower in vocabulary.PLACE_PREPOSITIONS and not before.endswith(vocabulary.RELATION_ENDINGS)


def _one(tokens: list[Token], text: str, index: int, begin: int, stop: int, kind: str) -> ObjectGroup | None:
    head = stop - 1
    word = text[tokens[head].start : tokens[head].end]
    verb: int | None = None
    relative = False
    if head > begin and word.islower() and singular(word) not in {None, word}:
        verb, head = head, head - 1
        word = text[tokens[head].start : tokens[head].end]
    else:
        verb, relative = _agreeing(tokens, stop, set(vocabulary.BE) | vocabulary.VERBS)
    possessive = any(token.lower.endswith(("'s", "’s")) for token in tokens[begin:head])
    fixed = (
        possessive
        or relative
        or not is_word(word)
        or any(token.lower in vocabulary.SINGULAR_PRONOUNS for token in tokens[head + 1 :])
    )
    # "a glasses" has no plural of its own.
    fixed = fixed or singular(word) not in {None, word} or (singular(word) is None and plural(word) == word)
    return ObjectGroup(index, head + 1, begin, kind, 1, head, word, verb, fixed)


def _agreeing(tokens: list[Token], stop: int, verbs: set[str]) -> tuple[int | None, bool]:
    """Return the verb that agrees with a group, also after "that"; and whether there is one of unknown form."""
    index = stop
    if index < len(tokens) and tokens[index].joined and tokens[index].lower in {"that", "which", "who"}:
        index += 1
    if index < len(tokens) and tokens[index].joined and tokens[index].lower in verbs:
        return index, False
    return None, index != stop
