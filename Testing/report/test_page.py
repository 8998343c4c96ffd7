import re
from html.parser import HTMLParser

import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.report import describe_quality, write_report
from CardiacMotionLib.series import ImageSeries


def words(page):
    """The page without its embedded pictures."""
    return re.sub(r"data:[^\"']+", "", page.read_text())


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "action", "poster", "data") and value]


def test_page_needs_nothing_else(a_page):
    text = a_page.read_text()
    links = Links()
    links.feed(text)
    assert links.found
    assert all(link.startswith("data:") for link in links.found)
    assert not re.search(r"https?://|url\(|@import|fetch\(", words(a_page))


def test_page_stays_small(a_page):
    assert a_page.stat().st_size < 5e6


def test_page_has_numbers_notes_and_the_research_use_statement(a_page, its_strain):
    text = a_page.read_text()
    assert "Research use only: not a medical device." in text
    assert f"{its_strain.function['EF_percent']:.1f} %" in text
    assert "mid inferoseptal" in text
    assert its_strain.notes[0] in text
    assert "Green-Lagrange" in text
    assert "engineering" in text


def test_page_animates_every_frame(a_page, a_subject):
    (frames,) = re.findall(r"const frames = \[(.*?)\]", a_page.read_text())
    assert frames.count("data:image/webp") == len(a_subject.series)


def test_page_names_no_patient(a_subject, its_strain, tmp_path):
    secret = "Doe^Jane"
    series: ImageSeries = a_subject.series.replace(
        meta={**a_subject.series.meta, "name": secret, "source": f"/home/{secret}/cine"}
    )
    text = words(write_report(series, a_subject.motion, its_strain, None, tmp_path / "r.html"))
    assert "Doe" not in text


def test_page_gives_published_values_without_a_verdict(a_page):
    text = a_page.read_text()
    assert "Vo 2018" in text
    assert "no limits of normal" in text
    assert not re.search(r"abnormal|pathologic|within normal|reduced function", text)


def test_text_from_outside_is_escaped(a_subject, its_strain, tmp_path):
    series = a_subject.series.replace(meta={**a_subject.series.meta, "notes": ["<script>alert(1)</script>"]})
    text = write_report(series, a_subject.motion, its_strain, None, tmp_path / "r.html").read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_folder_that_is_not_there(a_subject, its_strain, tmp_path):
    with pytest.raises(CardiacMotionError, match=r"cannot write .*there is no folder"):
        write_report(a_subject.series, a_subject.motion, its_strain, None, tmp_path / "none" / "r.html")


def test_strain_of_another_reference_is_refused(a_subject, its_strain, tmp_path):
    other = a_subject.motion.expressed_in(2)
    with pytest.raises(CardiacMotionError, match=r"strain is that of frame 0, the motion starts from frame 2; give"):
        write_report(a_subject.series, other, its_strain, None, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_every_score_is_explained(a_subject):
    from CardiacMotionLib import evaluate

    rows = describe_quality(evaluate(a_subject.motion, a_subject.series, truth=a_subject.motion))
    assert len(rows) >= 3
    assert all(name and value and meaning for name, value, meaning in rows)
