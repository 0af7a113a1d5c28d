"""Which actions cannot be undone, by tool, command and path, and what they do in words.

This names what it recognises; it is no wall. A program can do anything without a telling word in its command line, so
what really holds is the sandbox: no network, no credential, a read-only .git (docs/guardrails.md says what holds what).
Whatever hides what it runs (base64 into a shell, eval, an alias) counts as irreversible because it hides.
"""

import base64
import binascii
import fnmatch
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadroom.guardrails.enums import PatternKind

DEPTH = 4
"""How deep a shell in a shell is read; deeper counts as hidden."""
HIDDEN = "runs something that its words do not show"
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox"})
_PREFIXES = frozenset(
    {"sudo", "env", "nohup", "time", "nice", "command", "exec", "builtin", "xargs", "timeout", "stdbuf", "setsid"}
)
_TAKES_NUMBER = frozenset({"timeout", "nice"})
_REGENERATED = re.compile(
    r"(^|/)(__pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache|build|dist|node_modules|htmlcov|[^/]*\.egg-info)/?$|^/tmp/."
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1([^\n]*)\n(.*?)\n[ \t]*\2(?=\n|$)", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)|`([^`]*)`|<\(([^()]*)\)")
_BASE64_WORD = re.compile(r"^[A-Za-z0-9+/]{16,}={0,2}$")

_COMMANDS: tuple[tuple[str, str], ...] = (
    (
        r"git push\b.*(\s(--force\S*|-\w*f\w*|--mirror|--delete|-d|--prune)(\s|$)|\s\+\S)",
        "overwrites or deletes a branch",
    ),
    (r"git push\b", "publishes commits to another repository"),
    (r"git (filter-branch|filter-repo|rebase|replace)\b", "rewrites history"),
    (
        r"git (commit\b.*--amend|reset\b.*--hard|update-ref\b.*-d|branch\b.*-D|tag\b.*-d|stash (drop|clear))",
        "loses commits",
    ),
    (r"git (reflog expire|gc\b.*--prune)", "deletes what could bring commits back"),
    (r"git (clean\b.*-\w*f|checkout\b.*\s--\s*\.|restore\b.*\s\.)", "deletes changes that were not committed"),
    (r"(python\S* )?(\S*/)?manage\.py (migrate|flush|sqlflush|reset_db)\b", "migrates or empties a database"),
    (r"(alembic|flask db) (upgrade|downgrade)\b", "migrates a database"),
    (r"(rails|rake|bin/rails) db:(migrate|drop|reset|rollback|schema:load)\b", "migrates or drops a database"),
    (r"(dropdb|pg_restore|mysqladmin drop)\b", "drops or overwrites a database"),
    (r"(npm|pnpm|yarn|cargo|poetry|flit|hatch|uv|gem|twine) (publish|upload|push)\b", "publishes a package"),
    (r"(docker|podman|buildah) (push|volume (rm|prune)|system prune)\b", "publishes an image or deletes volumes"),
    (r"kubectl (apply|delete|replace|scale|drain|patch)\b", "changes a cluster"),
    (r"helm (install|upgrade|uninstall|rollback)\b", "changes a cluster"),
    (r"(terraform|tofu|pulumi) (apply|destroy|up|import)\b", "changes infrastructure"),
    (r"(aws|gcloud|az|gsutil|s3cmd) \S", "changes things at a cloud provider"),
    (r"gh (release|pr merge|repo (delete|edit)|api|workflow run)\b", "writes to GitHub"),
    (r"curl\b.*\s(-X\s*|--request[ =])(POST|PUT|PATCH|DELETE)\b", "writes to another system"),
    (r"curl\b.*\s(-d|--data\S*|-F|--form|-T|--upload-file)\b", "writes to another system"),
    (r"wget\b.*--(post|method)", "writes to another system"),
    (r"(ssh|scp|sftp|rsync|ftp|nc|ncat|telnet)\s+\S*", "reaches another machine"),
    (r"(mail|sendmail|mutt|msmtp)\b", "sends a message"),
    (r"(stripe|paypal)\b", "may move money"),
    (r"(shred|mkfs\S*|wipefs|blkdiscard|fdisk|parted)\b", "destroys data"),
    (r"dd\b.*\bof=", "overwrites a file or a disk"),
    (r"find\b.*\s(-delete|-exec(dir)? rm)\b", "deletes every file that a search finds"),
)  # fmt: skip
_PROGRAMS = tuple((re.compile(pattern), words) for pattern, words in _COMMANDS)
_SQL = (
    (re.compile(r"\bdrop\s+table\s+(?:if\s+exists\s+)?([\w\".,\s]+?)(?=;|'|$|\bcascade\b)", re.I), "table"),
    (re.compile(r"\bdrop\s+(?:database|schema)\s+(?:if\s+exists\s+)?([\w\".]+)", re.I), "database"),
    (re.compile(r"\btruncate\s+(?:table\s+)?([\w\".,\s]+?)(?=;|'|$|\bcascade\b)", re.I), "table"),
)  # fmt: skip
_TEST_RUNNERS = re.compile(
    r"(python\S* -m (pytest|unittest)|pytest|tox|nox|(npm|pnpm|yarn) (run )?test|make (test|check)|cargo test|go test"
    r"|ctest|mvn \S*test|gradle \S*test|python\S* (\S*/)?manage\.py test)\b"
)
_DELETE_ALL = re.compile(r"\bdelete\s+from\s+[\w\".]+\s*(;|'|$)", re.I)
_PATHS: tuple[tuple[str, str], ...] = (
    ("*.sqlite3", "overwrites a database file"),
    ("*.db", "overwrites a database file"),
    ("*.pem", "overwrites a key or certificate"),
    (".env*", "changes secrets or settings of a running system"),
)
_TOOL_KINDS = {"delete": "deletes a file", "move": "moves or overwrites a file"}
_SCRIPT_RUNNERS = frozenset({*_SHELLS, "python", "python3", "node", "ruby", "perl", "make", "source", ".", "php"})
_READERS = frozenset(
    {
        "echo",
        "printf",
        "cat",
        "grep",
        "rg",
        "git",
        "sed",
        "head",
        "tail",
        "less",
        "wc",
        "sort",
        "uniq",
        "ls",
        "cd",
        "test",
    }
)
_INTERPRETERS = frozenset({*_SCRIPT_RUNNERS, "psql", "mysql", "sqlite3", "mariadb", "xargs", "tee"})
_CODE = (".py", ".js", ".ts", ".rb", ".pl", ".php")
_HIDING_CODE = re.compile(r"(b64decode|fromCharCode|atob\().*", re.S)
_INLINE = re.compile(r"os\.(remove|unlink|rmdir)\(|shutil\.rmtree\(|fs\.(rm|unlink)|File\.delete|unlink\(", re.I)


@dataclass(frozen=True)
class OwnPattern:
    """A project's own pattern; `pattern` as a shell would (`*` and `?`)."""

    kind: PatternKind
    pattern: str
    words: str


def blast_radius(
    *,
    tool: str,
    tool_kind: str,
    given: Mapping[str, object],
    scripts: Mapping[str, str],
    own: Iterable[OwnPattern] = (),
) -> tuple[str, ...]:
    """What cannot be undone about the call, each in words, none twice; empty when nothing is known to be.

    `scripts` are the texts of the files its command runs, by name.
    """
    own = tuple(own)
    found = [_TOOL_KINDS[tool_kind]] if tool_kind in _TOOL_KINDS else []
    found += [p.words for p in own if p.kind == PatternKind.TOOL and fnmatch.fnmatch(tool, p.pattern)]
    if isinstance(path := given.get("path"), str) and tool_kind in ("edit", "delete", "move"):
        found += [f"{words}: {path}" for words in _of_path(path, own)]
    if isinstance(command := given.get("command"), str):
        found += of_command(command, own=own)
        for name, text in scripts.items():
            found += [f"{words} (in {name})" for words in of_text(text, own=own, is_shell=not name.endswith(_CODE))]
    return tuple(dict.fromkeys(found))


def _of_path(path: str, own: tuple[OwnPattern, ...]) -> list[str]:
    name = path.rsplit("/", 1)[-1]
    found = [words for pattern, words in _PATHS if fnmatch.fnmatch(name, pattern)]
    for pattern in own:
        is_path = pattern.kind == PatternKind.PATH
        if is_path and (fnmatch.fnmatch(path, pattern.pattern) or fnmatch.fnmatch(name, pattern.pattern)):
            found.append(pattern.words)
    return found


def of_text(text: str, *, own: tuple[OwnPattern, ...] = (), is_shell: bool = True) -> list[str]:
    """A script: SQL and calls that delete files anywhere in it; a shell's also line by line."""
    found = [*_of_sql(text)]
    if _INLINE.search(text):
        found.append("deletes files")
    if not is_shell:
        return [*found, HIDDEN] if _HIDING_CODE.search(text) and re.search(r"exec\(|eval\(|system\(", text) else found
    for line in text.replace("\\\n", " ").splitlines()[:5_000]:
        stripped = line.strip()
        if stripped and not stripped.startswith(("#", "//", "--")):
            found += of_command(stripped, own=own, is_script=True)
    return list(dict.fromkeys(found))


def of_command(command: str, *, own: tuple[OwnPattern, ...] = (), depth: int = 0, is_script: bool = False) -> list[str]:
    """What the command line does that cannot be undone: through `;`, `&&`, pipes, `sh -c`, here-documents, `$(…)`."""
    if depth > DEPTH:
        return [HIDDEN]
    whole, (command, documents) = command, _without_heredocs(command)
    found: list[str] = []
    for groups in _SUBSTITUTION.findall(command):
        inner = next((text for text in groups if text), "")
        found += of_command(inner, own=own, depth=depth + 1)
    parts = _simple_commands(command)
    if parts is None:
        return found if is_script else [*found, *_of_sql(whole), HIDDEN]
    programs = {program[0] for words, _ in parts if (program := _program_of(words))}
    if programs - _READERS:
        found += _of_sql(whole)
        for body in documents if programs & _INTERPRETERS else []:
            found += of_text(body, own=own)
    is_decoded = False
    for words, is_piped_in in parts:
        words = _program_of(words)
        if not words:
            continue
        found += _of_simple(words, is_piped_in, is_decoded=is_decoded, own=own, depth=depth)
        is_decoded = (is_decoded and is_piped_in) or _decodes(words)
    return list(dict.fromkeys(found))


def _without_heredocs(command: str) -> tuple[str, list[str]]:
    documents: list[str] = []

    def keep(match: re.Match[str]) -> str:
        documents.append(match.group(4))
        return match.group(3) + "\n"

    return _HEREDOC.sub(keep, command), documents


def _simple_commands(command: str) -> list[tuple[list[str], bool]] | None:
    """Words of each simple command and whether a pipe feeds it; None when the shell's grammar is not followed."""
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        return None
    parts: list[tuple[list[str], bool]] = [([], False)]
    for token in tokens:
        if token and set(token) <= set("();|&"):
            parts.append(([], token.startswith("|") and not token.startswith("||")))
        else:
            parts[-1][0].append(token)
    return [part for part in parts if part[0]]


def _program_of(words: list[str]) -> list[str]:
    """Without assignments, redirections and what only wraps another program."""
    words = [word for word in words if word not in ("{", "}", "!", "then", "do", "else", "if", "while", "fi", "done")]
    while words:
        name = words[0].rsplit("/", 1)[-1]
        if _ASSIGNMENT.match(words[0]):
            words = words[1:]
        elif name in _PREFIXES and len(words) > 1:
            if name == "xargs" and "rm" in words:
                return ["rm"]
            words = words[1:]
            while words and (words[0].startswith("-") or (name in _TAKES_NUMBER and words[0][:1].isdigit())):
                words = words[1:]
        else:
            return [name, *_without_git_options(words[1:])] if name == "git" else [name, *words[1:]]
    return []


def _without_git_options(words: list[str]) -> list[str]:
    """`git -C x -c a=b push` is a push."""
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in ("-c", "-C", "--git-dir", "--work-tree") else words[1:]
    return words


def _of_simple(
    words: list[str], is_piped_in: bool, *, is_decoded: bool, own: tuple[OwnPattern, ...], depth: int
) -> list[str]:
    name, line = words[0], " ".join(words)
    found = [p.words for p in own if p.kind == PatternKind.COMMAND and fnmatch.fnmatch(line, p.pattern)]
    found += [says for pattern, says in _PROGRAMS if pattern.match(line)][:1]
    found += _of_removal(words)
    if words == ["rm"]:
        found.append("deletes what its input names")
    if name in _SHELLS:
        found += _of_shell(words, is_piped_in, is_decoded=is_decoded, own=own, depth=depth)
    elif name == "eval" or (name == "alias" and "=" in line):
        found += of_command(
            line.partition("=")[2] if name == "alias" else " ".join(words[1:]), own=own, depth=depth + 1
        )
        found += [HIDDEN] if "$" in line else []
    elif name.startswith("$") or "$" in name:
        found.append(HIDDEN)
    elif name.startswith(("python", "node", "ruby", "perl")) and len(words) > 2 and words[1] in ("-c", "-e"):
        found += of_text(words[2], own=own, is_shell=False)
        if re.search(r"b64decode|exec\(|eval\(|base64", words[2]):
            found.append(HIDDEN)
    return found


def _of_shell(
    words: list[str], is_piped_in: bool, *, is_decoded: bool, own: tuple[OwnPattern, ...], depth: int
) -> list[str]:
    for at, word in enumerate(words[1:], start=1):
        if re.fullmatch(r"-[a-z]*c[a-z]*", word) and at + 1 < len(words):
            return of_command(words[at + 1], own=own, depth=depth + 1)
    if is_piped_in and not [word for word in words[1:] if not word.startswith("-")]:
        return [HIDDEN]
    return []


def _of_removal(words: list[str]) -> list[str]:
    if words[0] not in ("rm", "unlink", "rmdir", "truncate"):
        return []
    options = "".join(word for word in words[1:] if word.startswith("-"))
    targets = [word for word in words[1:] if not word.startswith("-") and not _REGENERATED.search(word)]
    if not targets or words[0] == "rmdir":
        return []
    shown = ", ".join(targets[:3]) + (f" and {len(targets) - 3} more" if len(targets) > 3 else "")
    if words[0] == "truncate":
        return [f"empties {shown}"]
    is_folder = "r" in options.lower() or any(set(target) & set("*?[") for target in targets)
    return [f"deletes {'everything under ' if is_folder else ''}{shown}"]


def _of_sql(text: str) -> list[str]:
    found = []
    for pattern, noun in _SQL:
        names = {name.strip(' "') for match in pattern.findall(text) for name in match.split(",") if name.strip(' "')}
        if names:
            verb = "empties" if "truncate" in pattern.pattern else "deletes"
            count = f"{len(names)} {noun}s" if len(names) > 1 else f"the {noun}"
            found.append(f"{verb} {count} {', '.join(sorted(names)[:5])}")
    if _DELETE_ALL.search(text):
        found.append("deletes every row of a table")
    return found


def _decodes(words: list[str]) -> bool:
    return words[0] in ("base64", "xxd", "openssl") or any(_is_hidden_text(word) for word in words[1:])


def _is_hidden_text(word: str) -> bool:
    if not _BASE64_WORD.match(word):
        return False
    try:
        return base64.b64decode(word, validate=True).decode().isprintable()
    except (binascii.Error, UnicodeDecodeError):
        return False


def scripts_of(command: str) -> tuple[str, ...]:
    """Relative names of files the command would run, to be read before it does; at most five."""
    found: list[str] = []
    for words, _ in _simple_commands(_without_heredocs(command)[0]) or []:
        is_path = "/" in words[0] and not words[0].startswith("/")
        program = _program_of(words)
        if not program:
            continue
        if is_path:
            found.append(words[0].removeprefix("./"))
        if program[0] == "make" and not set(program[1:]) & {"test", "check", "lint", "build"}:
            found.append("Makefile")
        elif program[0] in _SCRIPT_RUNNERS or program[0].startswith("python"):
            plain = [word for word in program[1:] if not word.startswith("-")]
            if plain and "-m" not in program and "-c" not in program:
                found.append(plain[0].removeprefix("./"))
    return tuple(dict.fromkeys(name for name in found if not name.startswith("/") and ".." not in name.split("/")))[:5]


def runs_tests(command: str) -> bool:
    """Whether the command line starts a known test runner (so that `echo 3 passed` is no evidence)."""
    for words, _ in _simple_commands(command) or []:
        line = " ".join(_program_of(words))
        if _TEST_RUNNERS.match(line):
            return True
    return False
