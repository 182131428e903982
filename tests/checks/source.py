"""What the checks share: where the sources are, and C text without comments and strings."""

import os
import re
import sys

_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def root(arguments):
    """The tree to check: the first argument, else the checkout that holds this file."""
    if len(arguments) > 1:
        return os.path.abspath(arguments[1])
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(top, folder, endings):
    """Paths relative to `top`, sorted."""
    found = []
    for where, folders, names in os.walk(os.path.join(top, folder)):
        folders[:] = sorted(f for f in folders if f not in ('suites', 'corpus', '.git'))
        found += [os.path.relpath(os.path.join(where, n), top)
                  for n in sorted(names) if n.endswith(endings)]
    return found


def read(top, path):
    with open(os.path.join(top, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def _blank(match):
    text = match.group(0)
    if text[0] in '"\'':
        return text[0] + text[0]
    return ' ' + '\n' * text.count('\n')


def bare(text):
    """C without comments and the insides of strings; lines keep their numbers."""
    return _TOKENS.sub(_blank, text.replace('\\\n', ' \n'))


def finish(findings):
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
