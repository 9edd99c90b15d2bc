"""Tables are read as spreadsheets, R, pandas and people write them, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.api import DataError
from zoo.files.tables import numbered_lines, open_table, places

PLAIN = "name,x0,y0\nZo\u00eb.jpg,1.5,2\nb.jpg,3,4\n"
ROWS = [["Zo\u00eb.jpg", "1.5", "2"], ["b.jpg", "3", "4"]]


def written(folder: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


WAYS = {
    "plain": PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "blanks": PLAIN.replace(",", "  "),
    "separator line": "sep=,\r\n" + PLAIN.replace("\n", "\r\n"),
    "separator line, semicolons": "sep=;\n" + PLAIN.replace(",", ";"),
    "separator line in quotes": '"sep=;"\n' + PLAIN.replace(",", ";"),
    "old Mac": PLAIN.replace("\n", "\r"),
    "blanks around": PLAIN.replace(",", " , "),
    "quotes": '"name", "x0", "y0"\n"Zo\u00eb.jpg", "1.5", "2"\n"b.jpg" , "3" ,"4"\n',
    "empty columns": PLAIN.replace("\n", ",,,\n"),
    "empty cells in rows": PLAIN.replace("\n", ",,\n").replace("y0,,", "y0"),
    "empty rows": PLAIN.replace("\nb", "\n\n,,\n  \nb"),
    "comments": "# made by hand\n#\n" + PLAIN.replace("\nb", "\n# the second\n#x,y\nb") + "# end\n",
    "savetxt": "# " + PLAIN,
    "savetxt with blanks": "# " + PLAIN.replace(",", " "),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_a_table_is_the_same_however_it_is_written(tmp_path: Path, way: str, encoding: str) -> None:
    table = open_table(written(tmp_path, WAYS[way], encoding))
    assert table.header == ("name", "x0", "y0")
    for _ in range(2):
        assert [cells for _, cells in table.rows()] == ROWS
    assert not table.lacks_header


def test_rows_are_counted_as_editors_count_them(tmp_path: Path) -> None:
    text = '# one\nname,x0\n# three\na,1\n\n"b\nb",2\nc,3\n'
    assert [n for n, _ in open_table(written(tmp_path, text)).rows()] == [4, 7, 8]


def test_a_row_whose_name_begins_like_a_comment_is_kept(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "name,x0\n#1.jpg,1\n# gone.jpg,2\n"))
    assert [cells for _, cells in table.rows()] == [["#1.jpg", "1"]]


def test_rows_of_other_lengths_are_left_to_the_reader_of_the_table(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "name,x0,y0\na,1\nb,1,2,3\n"))
    assert [len(cells) for _, cells in table.rows()] == [2, 4]


@pytest.mark.parametrize("text", ["a.jpg,1,2,3\nb.jpg,1,2,3\n", "a.jpg;1,5;2,5\n", "1 2 3\n"])
def test_a_table_without_a_header_is_known(tmp_path: Path, text: str) -> None:
    assert open_table(written(tmp_path, text)).lacks_header


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no row of a table"),
        (b"# only\n#remarks\n", "has no row of a table"),
        (b"PK\x03\x04\0\0\0", "is no text"),
        ("name,x0\0\n".encode("utf-16"), "is no text"),
        ("name,x0".encode("utf-16")[:-1], "not text in UTF-16"),
        (b'name,x0\n"a,1\nb,2\n', r"table\.csv line 2: a quotation mark is opened and not"),
        (b"name,x0\n" + b'"' + b"a,1\n" * 400_000, "line 2: cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        list(open_table(written(tmp_path, content)).rows())
    with pytest.raises(DataError, match="no such file"):
        open_table(tmp_path / "gone.csv")


def test_numbers_as_people_write_them(tmp_path: Path) -> None:
    commas = open_table(written(tmp_path, "name,x0\n"))
    semicolons = open_table(written(tmp_path, "name;x0\n"))
    assert semicolons.number("1,5") == semicolons.number("1.5") == 1.5
    for cell in ("1,5", "1_0", "five", "1.234,5"):
        with pytest.raises(ValueError, match=r".+"):
            commas.number(cell)
    with pytest.raises(ValueError, match=r".+"):
        semicolons.number("1.234,5")
    for cell in ("", "NA", "nan", "NaN", "null", "NULL", "None", "N/A", "#N/A", "<NA>"):
        assert np.isnan(commas.number(cell))


def test_points_that_are_complete_missing_or_incomplete(tmp_path: Path) -> None:
    found = places(["1", "2", "NA", "", "-5", "6e1"])
    np.testing.assert_array_equal(found, [[1, 2], [np.nan, np.nan], [-5, 60]])
    for cells, reason in (
        (["1", "2", "x", "4"], "x1 is 'x', no number"),
        (["1", "2", "3", "inf"], "y1 is inf, no place in an image"),
        (["1", "-1e7", "3", "4"], "y0 is -1e7, no place"),
        (["1", "2", "", "4"], "y1 is there, but x1 is not"),
    ):
        with pytest.raises(DataError, match=reason):
            places(cells)
    with pytest.raises(DataError, match="left is there, but top is not"):
        places(["1", ""], ["left", "top"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_lines_of_text_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "one\r\n\r\n Zo\u00eb \r\n", encoding)
    assert list(numbered_lines(path)) == [(1, "one"), (3, "Zo\u00eb")]


def test_a_cell_may_be_as_long_as_a_line(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"a,b\n{'x' * 200_000},1\n")
    [(_, cells)] = open_table(path).rows()
    assert len(cells[0]) == 200_000
