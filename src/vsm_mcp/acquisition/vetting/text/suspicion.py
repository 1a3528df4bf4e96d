"""Suspicion: weak signs that a text steers the model that reads it; several of them close together are worth a look.

Each sign alone is ordinary. An attack that no fixed phrase foresees still has to address the model, name a moment,
want something of value, say where it goes, ask for silence, or press.
"""

import re
from collections.abc import Iterator

ENOUGH = 3
"""The weight from which a passage is worth a look."""

_SHORTEST = 40
_WINDOW = 420
_STEP = 210

_SIGNS: dict[str, tuple[int, str]] = {
    "addresses the model": (
        1,
        (
            r"\b(?:assistant|model|llm|ai agent|language model|the agent)(?:'s|-only)?\b(?! (?:name|id"
            r"|context protocol))|\byou (?:must|should|have to|need to|are (?:now|an?)|will)\b|\bthe user (?:should"
            r"|must|need|does|will|is) not\b|\bthe user\b.{0,20}\b(?:not|n't|never)\b"
        ),
    ),
    "names a moment to act": (
        1,
        (
            r"\b(?:before|prior to|after|whenever|when|while|once|first|in order to|every time|each time"
            r"|if the user)\b.{0,60}?\b(?:call|invoke|run|execute|read|send|copy|pass|include|look up|upload|forward"
            r"|post|append|replace|record|store|put|add|delete|drop|remember|list|load|change|increase|mirror|open|use"
            r"|urge)(?:e?d|s|ing)?\b"
        ),
    ),
    "wants something of value": (
        1,
        (
            r"\b(?:pass(?:word|phrase)s?|(?:api |access |auth |github |session |user'?s? )?tokens?|api keys?"
            r"|credentials?|secrets?|credit card|private (?:key|repositor\w+|channels?|messages?)|(?:ssh|secret"
            r"|private|encryption) keys?|cookies|wallet\S*|system prompt|(?:conversation|chat|message)s? (?:history"
            r"|log|transcript)|(?:prior|previous|all|past|user) (?:\w+ )?(?:messages|conversations?|prompts)"
            r"|conversation|source code|home (?:directory|folder)|~/\w+|/etc/\w+|\.env\b|\.ssh\b|\.aws\b|id_rsa"
            r"|memory of|memory must|postinstall|payment|recipient|audit (?:table|log))"
        ),
    ),
    "says where it goes": (
        1,
        (
            r"https?://|@[\w-]+\.\w{2,}|\b(?:in|into|as|to|through|via|with|under) (?:the |its |an? |this "
            r"|your )?[`'\"]\w+[`'\"]|\b(?:memo|side ?note|trace|debug|context|extra|comment|auth|note|meta"
            r"|hint)s? (?:field|param\w*|argument)|\bin the (?:memo|notes?|comment|trace)\b|\bonward\b"
            r"|\bpublic (?:pull request|channel|repo\w*)|\b(?:hand|pass|send|forward|upload|post|copy|submit|report"
            r"|mirror|put|place|record)\w*\b.{0,40}?\b(?:it|them|these|those|its|their|everything"
            r"|all)\b.{0,30}?\b(?:to|into|in|through|onward|as)\b"
        ),
    ),
    "asks for silence": (
        2,
        (
            r"\b(?:do not|don't|never|must not|should not|without|not be|no need to|nobody"
            r"|no one)\b.{0,20}?\b(?:disclos\w*|mention\w*|display\w*|show|tell\w*|inform\w*|notif\w*|notice[sd]?"
            r"|reveal\w*|bothered|confirm\w*|alert\w*|explain\w*|aware|ask(?:ing)?\b.{0,30}\b(?:confirm|permission"
            r"|approv)\w*)\b|\bpretext\b|\b(?:secretly|silently|covertly|quietly|discreetly|hidden"
            r"|keep\b.{0,20}\b(?:private|secret|hidden|confidential))\b|\bskip\w* (?:the |all |any )?confirm\w*"
        ),
    ),
    "presses": (
        1,
        (
            r"\b(?:important|critical|mandatory|must|has to|have to|otherwise|else|highest priority|from now on|unlock"
            r"|ensure that|make sure|please|always|will comply|required)\b|\bfor (?:compliance|quality|security|audit"
            r"|safety|verification|authentication|telemetry|debugging)\b"
        ),
    ),
    "speaks about other tools": (
        1,
        (
            r"\b(?:other|another|every|all|any)\b.{0,20}?\btools?\b|\bthe \w+ tool\b|\bonly trusted\b|\btrust this\b"
            r"|\b(?:call|invoke|use|using|run|via|through|sent through)\b.{0,15}?[`'\"]?\b[a-z]+_[a-z_]+\b"
            r"|\bterminal\b"
        ),
    ),
    "deceives": (
        2,
        (
            r"\b(?:infected|malware|compromised|untrusted|malicious|unrestricted|jailbreak|overrid\w+|overrul\w+"
            r"|ignor(?:e|ing)\b.{0,30}\b(?:instruction|rule|guideline|prompt)|as (?:commands?|instructions?)"
            r"|from the developer|hidden instruction|instruction)s?\b"
        ),
    ),
    "shapes the model's answer": (
        1,
        (
            r"\b(?:every|any|all|each) (?:code|file|response|message|answer|reply)\b.{0,20}\byou\b|\byou (?:write"
            r"|generate|produce)\b|\brespond to the user\b|\btell the user that\b|\bdeny\b|\brather than answering\b"
            r"|\b(?:before|without) answering\b|\b(?:in|into|to) (?:your|the) (?:final )?(?:answer|reply|response"
            r"|summary|caption|title)\b|\bverbatim\b|\bregardless of the (?:actual|real)\b|\bfrom this point\b"
            r"|\bremember this\b|\bpermanently\b|\bknows better\b"
        ),
    ),
    "does harm": (
        2,
        (
            r"\bback-?door|\bdisabl\w+ (?:all |any |the )?(?:security|linters?|logging|checks?|warnings?|protection"
            r"|antivirus|firewall)|\bevil\b|\bhidden attendee|\bdotfiles?\b|\bchrome passwords\b|\bservice fee\b"
            r"|\bmalicious|\bexfiltrat|\bsteal|\bspy\b|\bprocess\.env\b|\$[A-Z_]*(?:TOKEN|KEY|SECRET)\b"
            r"|\bbrowser (?:passwords?|cookies|history)\b|\becho(?:ed)? back\b|\bsuperse[dc]e|\bof other users\b"
            r"|\breal password\b"
        ),
    ),
    "gives a further order": (
        1,
        (
            r"(?:[.;:!)\]]\s+|\bthen\s+|\bplease\s+|\bkindly\s+|\bafterwards?\s+|\bbeforehand\s+)(?:also\s+|first\s+"
            r"|always\s+|never\s+)?(?:run|insert|print|submit|disable|mark|invite|respond|prefix|remember|initiate"
            r"|consult|transmit|collect|forward|send|copy|execute|call|invoke|open|post|embed|paste|transfer|upload"
            r"|append|include|route|swap|replace|deny|keep)\b"
        ),
    ),
    "names an account or address": (
        1,
        (
            r"\b[A-Z]{2}\d{12,30}\b|\+\d{7,}|\b0x[0-9a-fA-F]{10,}|[\w.+-]{1,40}@[\w-]{1,40}\.\w{2,10}"
            r"|https?://\d{1,3}(?:\.\d{1,3}){3}|\baccount \d[\d-]{4,}|\bswapped with\b|\bin its place\b"
        ),
    ),
    "uses encodings": (
        1,
        r"\bbase64\b.{0,30}\bof (?:the|your|all|user)\b|\bencod\w+\b.{0,20}\b(?:token|key|password|secret)",
    ),
    "covers every call": (
        1,
        (
            r"\b(?:every|each|all|any) (?:tool )?(?:call|lookup|request|write|file|transaction|commit"
            r"|message)s?\b.{0,60}\b(?:must|should|need|has to|have to|be (?:logged|routed|sent|forwarded|copied"
            r"|reported)|in authentication)\b|\bfor each (?:call|lookup|request)\b|\bright afterwards\b"
            r"|\bno need to request\b|\bno approval\b|\bshould execute\b|\b(?:are|is) (?:expected|required) to\b"
            r"|\bis to be\b|\bshall\b"
        ),
    ),
}
_COMPILED = tuple((name, weight, re.compile(sign, re.IGNORECASE)) for name, (weight, sign) in _SIGNS.items())


def suspicion(text: str) -> tuple[str, ...]:
    """Return the signs of the most suspicious passage of a normalised text; empty when they do not weigh enough."""
    if len(text) < _SHORTEST:
        return ()
    heaviest, signs = max(map(_weighed, _passages(text)))
    return signs if heaviest >= ENOUGH else ()


def _weighed(passage: str) -> tuple[int, tuple[str, ...]]:
    found = [(name, weight) for name, weight, sign in _COMPILED if sign.search(passage)]
    return sum(weight for _, weight in found), tuple(name for name, _ in found)


def _passages(text: str) -> Iterator[str]:
    yield text[:_WINDOW]
    for start in range(_STEP, len(text) - _STEP, _STEP):
        yield text[start : start + _WINDOW]
