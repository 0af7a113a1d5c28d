"""What facts look like in reports. Every pattern is linear in the length of the text: no nested repetition."""

import re

EXCEPTION = re.compile(
    r"\b(?:[A-Za-z_]\w{0,60}\.){0,12}([A-Z]\w{0,80}(?:Error|Exception|Warning|Failure|Fault|Interrupt|Timeout))\b"
)
JAVA_FRAME = re.compile(r"\bat ((?:[\w$<>]{1,80}[./]){1,20}[\w$<>]{1,80}) ?\(([\w$. ]{1,80})(?::\d{1,6})?\)")
PYTHON_FRAME = re.compile(r"File \"([^\"\n]{1,200})\", line \d{1,6}, in ([\w<>]{1,80})")
SHORT_FRAME = re.compile(
    r"^\s{0,8}`?([\w./\\-]{1,160}\.\w{1,4}):\d{1,6}:(?:\d{1,5}:)? in `?([\w.<>]{1,80})", re.MULTILINE
)
EXTENSIONS = (
    "py|pyi|java|scala|kt|rs|go|js|jsx|mjs|ts|tsx|vue|c|cc|cpp|cxx|h|hpp|cs|rb|php|swift|xml|yml|yaml|toml|json|jsonl|"
    "sh|bash|bat|md|rst|adoc|html|css|scss|sql|cfg|ini|conf|properties|lock|jar|gradle|proto|ipynb|csv|log|db|service"
)
PATH = re.compile(rf"(?<![\w/.])/?(?:[\w.@~$-]{{1,80}}/){{0,15}}[\w@-][\w.@-]{{0,80}}\.(?:{EXTENSIONS})\b(?!\()")
ROUTE = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (/[\w/:.{}<>*-]{0,120})")
URL = re.compile(r"\bhttps?://[^\s<>\"')\]|]{4,300}")
DOTTED = re.compile(r"\b[A-Za-z_]\w{1,60}(?:(?:\.|::|->|#)[A-Za-z_]\w{1,60}){1,10}\b")
SNAKE = re.compile(r"\b[A-Za-z]\w{0,60}_\w{1,80}\b")
CAMEL = re.compile(r"\b(?:[a-z]{1,40}[A-Z]\w{1,80}|[A-Z][a-z0-9]{1,40}[A-Z]\w{1,80}|[A-Z]{2,20}[a-z]\w{2,60})\b")
FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][\w.-]{1,60}(?:=[\w.]{1,40})?")
CODE = re.compile(
    r"\b(?:CVE-\d{4}-\d{3,7}|GHSA(?:-\w{4}){3}|[A-Z][A-Z0-9]{1,14}-\d{1,7}|[A-Z]{1,4}\d{3,5}|0x[0-9a-fA-F]{2,16})\b"
)
STATUS = re.compile(r"\b(?:exit|status|code|errno|http|returns?|error)\s(?:code |status )?#?(\d{1,5})\b", re.IGNORECASE)
ISSUE = re.compile(r"(?<![\w&])#\d{1,7}\b")
VERSION = re.compile(
    r"(?<![\w.])v?\d{1,5}(?:\.\d{1,6}){1,4}(?:[-.]?(?:rc|alpha|beta|m|snapshot|final|x)\d{0,3})?\b", re.I
)
NUMBER = re.compile(r"(?<![\w.])\d{1,15}(?:[.,]\d{1,12})?(?![\w]{2})|(?<=[A-Za-z_.-])\d{1,15}")
NODE = re.compile(r"[\w./-]{1,160}\.py(?:::[\w.-]{1,100}){1,4}(?:\[[^\]\n]{0,120}\])?")
TEST = re.compile(
    r"\b(?:test_\w{1,100}|(?:Test|IT)[A-Z]\w{1,80}(?:[.#]\w{1,80})?|[A-Z]\w{1,80}Test(?:[.#]\w{1,80})?)\b"
)
QUOTED = re.compile(r"\"([^\"\n]{6,160})\"|`([^`\n]{6,160})`|'([^'\n]{6,160})'")
ERROR_LINE = re.compile(r"^\s{0,8}E   (\S[^\n]{0,300})", re.MULTILINE)
LABEL = re.compile(r"^[ \t>*_#-]{0,8}([A-Za-z][A-Za-z ]{1,24}?)[ *_]{0,4}:[ *_]{0,4}(\S[^\n]{0,600})", re.MULTILINE)
STAMP = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?|"
    r"\b\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\b|"
    r"(?<=at )0x[0-9a-f]{6,16}\b|/tmp/[\w./-]{1,200}"
)
WORD = re.compile(r"[^\W\d_]+|\d+")
CAMEL_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
TITLE_TOKEN = re.compile(r"[^\W_]+(?:['’][a-z]{1,3})?|[<>=!+*%&|-]{1,3}(?=\s|$)")
WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]+")
PLACEHOLDER = re.compile(
    r"\b(?:lorem ipsum|steps to reproduce: ?(?:$|n/a|\.\.\.)|describe the (?:bug|problem|issue)|a clear and concise|"
    r"\[?insert .{1,30} here\]?|<[a-z ]{3,40} here>|t\.?b\.?d\b|fill (?:this )?in)",
    re.IGNORECASE | re.MULTILINE,
)
REQUEST = re.compile(
    r"\b(?:add|support|implement|introduce|allow|enable|provide|improve|upgrade|update|bump|migrate|refactor|document|"
    r"feature|enhancement|request|please|proposal|propose|would be (?:nice|good|great)|should (?:support|offer|allow)|"
    r"make|write|create|remove|move|rename|replace|use|extend|consider|investigate|design|clean ?up)\b",
    re.IGNORECASE,
)
BUG = re.compile(
    r"\b(?:bugs?|fix|fail\w{0,4}|error\w?|exception|crash\w{0,3}|broken?|breaks|wrong\w{0,2}|incorrect\w{0,2}|hang\w?|"
    r"leaks?|regression|flaky|red|npe|traceback|panic\w{0,2}|stuck|timeouts?|times out|cannot|can't|doesn't|does not|"
    r"unexpected\w{0,2}|missing|corrupt\w{0,3}|deadlock|race|slow|unreadable|invalid|returns|instead of|no longer)\b",
    re.IGNORECASE,
)
CAUSE = re.compile(
    r"\b(?:because|caused by|due to|root cause|triggered by|happens when|happens after|only when|only with|only after|"
    r"since the|the (?:reason|cause) is)\b:?([^.\n]{3,160})",
    re.IGNORECASE,
)
NEGATION = frozenset(
    {
        "not", "no", "never", "without", "cannot", "can't", "doesn't", "don't", "isn't", "aren't", "won't",
        "wasn't", "weren't", "shouldn't", "couldn't", "didn't", "hasn't", "haven't", "fails", "failing",
        "neither", "nor", "none", "unable", "instead", "except", "only", "disable", "disabled"
    }
)  # fmt: skip
STOP = frozenset(
    {
        "the", "a", "an", "of", "to", "in", "is", "are", "be", "and", "or", "for", "on", "with", "it", "this",
        "that", "we", "as", "by", "from", "at", "have", "has", "was", "were", "when", "if", "can", "will",
        "should", "there", "which", "but", "do", "does", "use", "using", "then", "than", "into", "its", "our",
        "their", "you", "your", "i", "they", "he", "she", "so", "also", "been", "being", "would", "could", "may",
        "might", "must", "just", "some", "any", "all", "more", "most", "other", "such", "these", "those", "what",
        "how", "where", "who", "why", "here"
    }
)  # fmt: skip
