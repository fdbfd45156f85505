"""What the gateway's interpreter can read: a check of tokens, since nobody has that interpreter at hand.

Shelly's language reference (gen2/Scripts/LanguageReference): a modified Espruino; supported are global `let` and `var`,
functions, String, Number, Array, Math, Date, Object.keys and exceptions; not supported are hoisting, classes, promises
and async functions. What that page does not name is refused here too, so that no doubt is left.
"""

import re

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_$][\w$]*)
      | (?P<sign>===|!==|&&|\|\||<=|>=|\+\+|--|[-+*/%<>=!?:;,.(){}\[\]])
      | (?P<space>\s+)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = set(
    """var function return if else for while do break continue switch case default true false null undefined typeof new
    delete try catch throw in this""".split()  # noqa: SIM905  a list would be forty lines
)
# What the script may reach for, and the page of gen2/Scripts/APIs that documents it.
_GLOBALS = {
    "Shelly": "Shelly",
    "Script": "Shelly",
    "BLE": "BLE",
    "MQTT": "MQTT",
    "Timer": "Timer",
    "btoh": "Utilities",
    "print": "language",
    "Math": "language",
    "JSON": "language",
}
_MEMBERS = {
    "emitEvent getUptimeMs getComponentStatus": "Shelly",
    "id": "Script",
    "Scanner Subscribe Start isRunning SCAN_RESULT INFINITE_SCAN service_data addr rssi": "BLE",
    "isConnected": "MQTT",
    "set": "Timer",
    "mem_free": "Script.GetStatus",
    "length push indexOf floor": "language",
}
_KNOWN_MEMBERS = {name for names in _MEMBERS for name in names.split()}
_BEFORE_NO_DIVISION = {"(", ",", "=", ":", "[", "!", "&&", "||", "?", "{", "}", ";", "return"}

Token = tuple[str, str, int]  # kind, text, line


def faults(code: str) -> list[str]:
    """What the interpreter might not read, a line each; empty if all is documented."""
    tokens, found = _tokens(code)
    found += _characters(code)
    own: dict[str, int] = {}
    for at, (kind, text, line) in enumerate(tokens):
        before = tokens[at - 1][1] if at else ";"
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ";"
        if kind == "string" and "\\u" in text:
            found.append(f"line {line}: \\u in a string")
        if text == "/" and before in _BEFORE_NO_DIVISION:
            found.append(f"line {line}: a regular expression")
        if kind == "sign" and before + text in {"**", "??", "?.", ".."}:
            found.append(f"line {line}: {before}{text}")
        if text == "=" and before in {"=", "!"}:
            found.append(f"line {line}: {before}= compares loosely")
        if text == ">" and before == "=":
            found.append(f"line {line}: an arrow function")
        if text in {"{", "["} and before == "var":
            found.append(f"line {line}: destructuring")
        if kind != "name":
            continue
        if before == ".":
            if text not in _KNOWN_MEMBERS:
                found.append(f"line {line}: .{text} is not known to be there")
        elif before in {"var", "function", "catch"} or _is_parameter(tokens, at):
            own.setdefault(text, line)
        elif text not in _WORDS and text not in _GLOBALS and text not in own and not (after == ":" and before in "{,"):
            found.append(f"line {line}: {text} is neither defined above nor known to be there")
    return found


def _tokens(code: str) -> tuple[list[Token], list[str]]:
    tokens: list[Token] = []
    found: list[str] = []
    place, line = 0, 1
    while place < len(code):
        match = _TOKEN.match(code, place)
        if match is None:
            found.append(f"line {line}: {code[place]!r} is no sign of the language")
            place += 1
            continue
        kind, text = str(match.lastgroup), match.group()
        if kind not in {"comment", "space"}:
            tokens.append((kind, text, line))
        line += text.count("\n")
        place = match.end()
    return tokens, found


def _characters(code: str) -> list[str]:
    return [f"line {n}: not ASCII" for n, text in enumerate(code.splitlines(), 1) if not text.isascii()]


def _is_parameter(tokens: list[Token], at: int) -> bool:
    """Whether the name stands in the brackets behind `function name` or `catch`."""
    back = at - 1
    while back >= 0 and (tokens[back][0] == "name" or tokens[back][1] == ","):
        back -= 1
    if back < 1 or tokens[back][1] != "(":
        return False
    opener = tokens[back - 1][1]
    return opener in {"catch", "function"} or (back > 1 and tokens[back - 2][1] == "function")
