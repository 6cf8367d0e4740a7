#!/usr/bin/env python3
"""Writes decoders/language/english.txt.gz, the words and word pairs of the English language model.

Counts are taken from texts in the public domain that Debian packages ship, and from the two lists beside this
script, which were written for neurod:

  r-cran-janeaustenr   the six novels of Jane Austen (1811-1817)
  r-cran-tokenizers    Moby-Dick by Herman Melville (1851), its example text
  wamerican-small      a list of words in use (SCOWL): a word of the books is kept only if it is in it
  core.txt             everyday words, each with what is added to its occurrences per million
  phrases.txt          everyday sentences, for pairs of words

Only how often words occur is taken from the books. Run: python3 tools/wordlist/wordlist.py [folder of .deb files]
Without the folder the packages are fetched with apt-get download. The same packages give the same bytes.
"""

import bz2
import collections
import gzip
import io
import lzma
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent.parent / "decoders" / "language" / "english.txt.gz"
PACKAGES = ["r-cran-janeaustenr", "r-cran-tokenizers", "wamerican-small"]
WORDS = 8000
PAIRS = 5000
PHRASE_WEIGHT = 400  # per million: a sentence of phrases.txt counts like a pair of words this frequent


def fetch(folder: pathlib.Path) -> None:
    for package in PACKAGES:
        subprocess.run(["apt-get", "download", package], cwd=folder, check=True)


def strings_of_rdb(path: pathlib.Path):
    """Yields every character string of an R lazy-load database (R Internals, section 1.8 and 1.16)."""
    raw = path.read_bytes()
    at = 0
    while at + 4 < len(raw):
        (size,) = struct.unpack_from(">I", raw, at)
        body = raw[at + 4 :]
        if body[:1] == b"2":
            d = bz2.BZ2Decompressor()
            data = d.decompress(body[1:])
        elif body[:1] == b"Z":
            d = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}])
            data = d.decompress(body[1:], size)
        else:
            d = zlib.decompressobj()
            data = d.decompress(body)
        used = len(body) - len(d.unused_data)
        if len(data) != size:
            raise ValueError(f"{path}: record at {at} has {len(data)} bytes, {size} announced")
        # CHARSXP: type 9 with a bit for its encoding (ASCII, UTF-8, Latin-1, none); then the length, big-endian.
        for m in re.finditer(rb"\x00(?:\x04\x00|\x00[\x80\x40\x00])\x09", data):
            (n,) = struct.unpack_from(">i", data, m.end()) if m.end() + 4 <= len(data) else (-1,)
            if 0 < n < 10_000_000:
                yield data[m.end() + 4 : m.end() + 4 + n].decode("utf-8", "replace")
        at += 4 + used


def main() -> None:
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(tmp)
        if len(sys.argv) == 1:
            fetch(folder)
        root = pathlib.Path(tmp) / "root"
        for package in PACKAGES:
            (deb,) = sorted(folder.glob(package + "_*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)
            print("from", deb.name)
        library = root / "usr/lib/R/site-library"
        books = [s for p in ("janeaustenr", "tokenizers") for s in strings_of_rdb(library / p / "data/Rdata.rdb")]
        accepted = set((root / "usr/share/dict/american-english-small").read_text().split("\n"))

    core = collections.Counter()
    for line in (HERE / "core.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            weight, *words = line.split()
            for w in words:
                core[w] = max(core[w], int(weight))
    phrases = [l.split() for l in (HERE / "phrases.txt").read_text().splitlines() if l and not l.startswith("#")]

    counts, pairs = collections.Counter(), collections.Counter()
    # Sentences run over the lines of a book; a quotation mark or a stop ends one.
    text = "\n".join(books).replace("_", "").lower()
    total = 0
    for sentence in re.split(r"[.!?;:\"()\-]|\n\s*\n", text):
        words = re.findall(r"[a-z']+", sentence)
        total += len(words)
        counts.update(words)
        pairs.update(zip(words, words[1:]))
    print(f"{total} words of text, {len(counts)} different")

    def kept(w: str) -> bool:
        return re.fullmatch("[a-z]+", w) and (len(w) > 1 or w in ("a", "i")) and (w in accepted or w == "i")

    per_million = {w: n * 1e6 / total for w, n in counts.items() if kept(w)}
    for w, weight in core.items():
        per_million[w] = per_million.get(w, 0) + weight
    for p in phrases:
        for w in p:
            per_million[w] = max(per_million.get(w, 0), 50.0)
    ranked = sorted(per_million.items(), key=lambda kv: (-round(kv[1], 2), kv[0]))[:WORDS]
    index = {w: i for i, (w, _) in enumerate(ranked)}

    pair_rate = collections.Counter({p: n * 1e6 / total for p, n in pairs.items() if p[0] in index and p[1] in index})
    for p in phrases:
        for pair in zip(p, p[1:]):
            pair_rate[pair] += PHRASE_WEIGHT
    best = sorted(pair_rate.items(), key=lambda kv: (-round(kv[1], 2), kv[0]))[:PAIRS]

    # One line a word: the word and its occurrences per 100 million. An empty line. One line a first word that has
    # pairs: its rank, then rank and occurrences of each second word, most frequent first.
    lines = [f"{w} {max(1, round(r * 100))}" for w, r in ranked] + [""]
    by_first = collections.defaultdict(list)
    for (a, b), r in best:
        by_first[index[a]].append(f"{index[b]} {max(1, round(r * 100))}")
    lines += [f"{a} " + " ".join(by_first[a]) for a in sorted(by_first)]
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as z:
        z.write(("\n".join(lines) + "\n").encode())
    OUT.write_bytes(buffer.getvalue())
    print(f"{len(ranked)} words, {len(best)} pairs, {len(buffer.getvalue())} bytes -> {OUT.name}")


if __name__ == "__main__":
    main()
