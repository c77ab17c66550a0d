"""The line ends of a script. One that is saved on Windows runs to its end on Linux and has done nothing.

A shell takes the carriage return for the last character of each line's last word: files get other names, commands are
not found, and the exit code is that of a last line like ``echo``.
"""

_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def foreign_form(script: bytes) -> str:
    """How ``script`` is written otherwise than Linux wants it, in words; empty where it is not.

    Only what stands before the first NUL is text: an archive that unpacks itself has bytes of all kinds behind it. A
    carriage return within a line is content. It is a line end, as on old Macs, where no LF is after the empty lines at
    the beginning, and in a first line that names an interpreter.
    """
    if script.startswith(_UTF_16):
        return "it is text in UTF-16"
    text = script.partition(b"\0")[0]
    if text.startswith(_MARK):
        return "it begins with a byte order mark (BOM)"
    first, end, _ = text.lstrip(b"\n").partition(b"\n")
    if b"\r\n" in text or (b"\r" in first and (not end or first.startswith(b"#!"))):
        return "its lines end as on Windows (CRLF) or old Macs (CR)"
    return ""


def unix_form(script: bytes) -> bytes:
    """``script`` with LF at the end of each line and without a byte order mark; as it is where it is not all text."""
    if b"\0" in script:
        return script
    text = script.removeprefix(_MARK).replace(b"\r\n", b"\n")
    return text.replace(b"\r", b"\n") if foreign_form(text) else text
