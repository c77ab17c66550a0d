import gzip
import random
import string
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from exposer.server.encoding import SUFFIXES, compressor, decoded, ranked

BOTH = tuple(SUFFIXES)

weights = st.integers(0, 1000).map(lambda n: f"{n / 1000:.3f}".rstrip("0").rstrip("."))
codings = st.sampled_from(["gzip", "zstd", "identity", "*", "br", "deflate"])
members = st.lists(st.tuples(codings, weights), max_size=6, unique_by=lambda member: member[0])


@pytest.mark.parametrize(
    ("header", "tried"),
    [
        ("", []),
        ("identity", []),
        ("br, deflate", []),
        ("gzip", ["gzip"]),
        ("x-gzip", ["gzip"]),
        ("GZip , ZSTD", ["zstd", "gzip"]),
        ("gzip, deflate, br, zstd", ["zstd", "gzip"]),
        ("gzip;q=1.0, zstd;q=0.5", ["gzip", "zstd"]),
        ("gzip\t;\tQ=0.5", ["gzip"]),
        ("*", ["zstd", "gzip"]),
        ("*;q=0.1, zstd;q=0", ["gzip"]),
        ("gzip;q=0", []),
        ("gzip;q=0, x-gzip", []),
        ("gzip;q=0.5, identity", []),
        ("gzip;q=0.5, identity;q=0.5", ["gzip"]),
        ("gzip;q=0.5, *;q=0.7", ["zstd"]),
        ("identity;q=0", []),
        ("identity;q=0, br", []),
        ("*;q=0", []),
        (", ,gzip,", ["gzip"]),
        ("gzip;q=2, zstd", ["zstd"]),
        ("gzip;q=0.1234, zstd", ["zstd"]),
        ("gzip;level=9, zstd", ["zstd"]),
        ("gzip;q, zstd;q=, gz ip", []),
    ],
)
def test_choice(header: str, tried: list[str]) -> None:
    """Weights, then the server's order, decide; what is malformed, unknown or refused is left out."""
    assert ranked(header, BOTH) == tried


@given(members)
def test_only_what_the_client_takes(named: list[tuple[str, str]]) -> None:
    """Each coding has a weight above zero, not below that of the plain bytes, and none above it comes after it."""
    wanted = {name: float(weight) for name, weight in named}
    tried = ranked(",".join(f"{name};q={weight}" for name, weight in named), BOTH)

    found = [wanted.get(coding, wanted.get("*", 0)) for coding in tried]
    assert all(found)
    assert found == sorted(found, reverse=True)
    assert not [weight for weight in found if weight < wanted.get("identity", wanted.get("*", 0))]


@given(members, st.sampled_from([" ", "\t", "  \t"]), st.data())
def test_spelling_means_nothing(named: list[tuple[str, str]], space: str, data: st.DataObject) -> None:
    """Case, optional whitespace, empty and malformed members, and the order of the members change nothing."""
    plain = ",".join(f"{name};q={weight}" for name, weight in named)
    shuffled = [*data.draw(st.permutations(named)), ("", "1"), ("gzip", "5")]
    strange = ",".join(f"{space}{name.upper()}{space};{space}Q={weight}{space}" for name, weight in shuffled)

    assert ranked(strange, BOTH) == ranked(plain, BOTH)


@given(st.text(string.printable, max_size=300))
def test_any_text_has_an_answer(header: str) -> None:
    """Whatever the header holds, the answer is some of the codings, each once."""
    tried = ranked(header, BOTH)

    assert set(tried) <= set(BOTH)
    assert len(tried) == len(set(tried))


@settings(deadline=None)
@given(st.binary(max_size=100_000), st.integers(100, 50_000))
def test_decoding_gives_the_bytes(data: bytes, step: int) -> None:
    """What is encoded piece by piece decodes to the same bytes, with the checksum of its format."""
    encoded = {coding: encode(coding, data, step) for coding in BOTH}

    assert gzip.decompress(encoded["gzip"]) == data
    assert zstandard.ZstdDecompressor().decompressobj().decompress(encoded["zstd"]) == data
    assert zstandard.get_frame_parameters(encoded["zstd"]).has_checksum


def test_gzip_header_tells_no_time_and_no_name() -> None:
    """The gzip header (RFC 1952) has no flags and no time, so the same file always becomes the same variant."""
    assert encode("gzip", b"{}", 1)[:8] == bytes([0x1F, 0x8B, zlib.DEFLATED, 0, 0, 0, 0, 0])


def test_window_fits_every_client() -> None:
    """A zstd variant needs a window of at most 8 MiB, which is what a client has to take (RFC 9659)."""
    data = random.Random(1).randbytes(16 << 20)

    assert zstandard.get_frame_parameters(encode("zstd", data, 1 << 20)).window_size <= 8 << 20


@settings(deadline=None)
@given(st.binary(max_size=100_000), st.integers(100, 50_000))
def test_decoding_is_the_way_back(data: bytes, step: int) -> None:
    """What was encoded decodes to itself, in whatever pieces it comes."""
    for coding in BOTH:
        encoded = encode(coding, data, step)
        pieces = [encoded[at : at + step] for at in range(0, len(encoded), step)]
        assert b"".join(decoded(coding, pieces)) == data


@pytest.mark.parametrize("coding", BOTH)
def test_what_is_no_whole_encoding(coding: str) -> None:
    """A lost or an added byte, or another coding, is an error: a client would not get the file."""
    encoded = encode(coding, b"0123456789" * 10_000, 1 << 20)
    longer = [encoded, encoded + b"!", encoded + encoded]
    others = [encode(other, b"0123456789", 10) for other in BOTH if other != coding]
    for wrong in ([b""], [encoded[:-1]], *([one] for one in [*longer[1:], *others]), longer[:1] * 2, [b"!" * 600]):
        with pytest.raises(ValueError, match=r"the end|not in this coding"):
            list(decoded(coding, wrong))


def test_a_bomb_is_decoded_in_small_pieces() -> None:
    """Bytes that become millions of times as many never do so at once."""
    for coding in BOTH:
        bomb = encode(coding, bytes(64 << 20), 1 << 20)
        assert max(map(len, decoded(coding, [bomb]))) <= 16 << 20


def encode(coding: str, data: bytes, step: int) -> bytes:
    """``data`` in a coding, handed over in pieces of ``step`` bytes."""
    encoder = compressor(coding)
    return b"".join(encoder.compress(data[at : at + step]) for at in range(0, len(data), step)) + encoder.flush()
