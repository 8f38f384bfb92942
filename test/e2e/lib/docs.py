"""The code of the pages in doc/: indented blocks, the commands in them (`$ `) and what is said to come of each."""
import re
import textwrap

from lib.gateway import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "doc").glob("*.md"))]


def text(name):
    return (ROOT / name).read_text()


def section(name, heading):
    """What stands below a heading, to the next one of its level or above."""
    page = text(name)
    level, start = re.search(rf"^(#+) {re.escape(heading)}$", page, re.M).group(1), re.search(rf"^#+ {re.escape(heading)}$", page, re.M).end()
    end = re.search(rf"^#{{1,{len(level)}}} ", page[start:], re.M)
    return page[start:start + end.start()] if end else page[start:]


def blocks(page):
    """Indented blocks, without their indent. Blank lines inside belong to one."""
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", page, re.M)
    return [textwrap.dedent(one) for one in found]


def paragraphs(page):
    """The same, cut at blank lines."""
    return [one for block in blocks(page) for one in re.split(r"\n\n+", block)]


def sessions(page):
    """(command, what comes of it) of each `$ ` in the page; the answer may be in the block's later paragraphs."""
    found = []
    for block in blocks(page):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command = re.match(r"(?:.*\\\n)*.*\n?", part).group(0)
            found.append((command.strip(), part[len(command):].strip()))
    return found


def commands():
    """Every line of code and every `holdfast ...` in a sentence, of all pages: (page, words)."""
    for page in PAGES:
        whole = page.read_text()
        lines = [line for block in blocks(whole) for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
        for line in lines + re.findall(r"`(holdfast(?:-agent)? [^`\n]+)`", whole):
            for call in re.findall(r"(?:^|[|(;&] *|\$ )(?:\./build/)?(holdfast(?:-agent)? [a-z][^|;#<>]*)", line.strip()):
                yield page.name, call.split()
