"""What a call says: the digits of the code in every language, after a key, as text and as SSML."""

import re
import string
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome import InvalidInput, Language, NotDelivered, PhoneNumber, VoiceCall
from hugathome.calls import LogVoice, OutboxVoice
from hugathome.reach.voice import heard, spoken
from hugathome.testing import FakeClock, check_voice

BRAND = "HUG@home"
NAMES = {
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "de": "null eins zwo drei vier fünf sechs sieben acht neun",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "rm": "nulla in dus trais quatter tschintg sis set otg nov",
    "en": "zero one two three four five six seven eight nine",
}
SSML = "{http://www.w3.org/2001/10/synthesis}"
BREAK = re.compile(r"\+?[0-9]+(\.[0-9]+)?(ms|s)")

codes = st.text("0123456789", min_size=6, max_size=8)
languages = st.sampled_from(Language)


def digits_in(text: str, language: str) -> str:
    """Write down every digit that is named, as whoever listens would."""
    names = NAMES[language].split()
    heard_words = re.findall(r"\w+", text)
    return "".join(str(names.index(word)) for word in heard_words if word in names)


@given(codes, languages)
def test_a_call_names_exactly_the_digits_of_the_code_in_order_and_twice(
    code: str, language: Language
) -> None:
    speech = spoken(BRAND, language, code=code)

    assert digits_in(speech.message, language) == code + code
    assert said(speech.ssml_message, language).replace("|", "").replace(" ", "") == code + code
    assert heard(speech.message, language) == code


@given(codes, languages)
def test_nothing_of_the_code_is_said_before_a_key_is_pressed(code: str, language: Language) -> None:
    speech, other = (spoken(BRAND, language, code=one) for one in (code, "000000"))

    assert (speech.prompt, speech.ssml_prompt) == (other.prompt, other.ssml_prompt)
    assert digits_in(speech.prompt, language) == ""


def said(markup: str, language: str) -> str:
    """Return the digits of a document and where it pauses long."""
    names = NAMES[language].split()
    root = ET.fromstring(markup)
    written = ""
    for element in root.iter():
        if element.tag == SSML + "break":
            written += "|" if element.get("time") == "1s" else " "
        for word in re.findall(r"\w+", element.text or "") + re.findall(r"\w+", element.tail or ""):
            written += str(names.index(word)) if word in names else ""
    return written


@pytest.mark.parametrize("language", Language)
def test_a_long_pause_follows_the_third_digit(language: Language) -> None:
    speech = spoken(BRAND, language, code="493817")

    assert said(speech.ssml_message, language) == "|4 9 3|8 1 7|" * 2
    assert speech.message.count(";") == 2


def test_german_says_zwo_that_nobody_takes_for_drei() -> None:
    message = spoken(BRAND, "de", code="222222").message

    assert "zwo, zwo, zwo; zwo, zwo, zwo" in message
    assert "zwei" not in message


@given(
    st.text(string.ascii_letters + "&<>\"'] ", min_size=1, max_size=12).filter(lambda s: s == s.strip()),
    languages,
)
def test_whatever_the_brand_the_markup_is_ssml(brand: str, language: Language) -> None:
    speech = spoken(brand, language, code="493817")

    for markup in (speech.ssml_prompt, speech.ssml_message):
        root = ET.fromstring(markup)
        assert root.tag == SSML + "speak"
        assert root.get("version") == "1.1"
        assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == language
        assert [child.tag for child in root] == [SSML + "p"] * len(root)
        for pause in root.findall(f"{SSML}p/*"):
            assert pause.tag == SSML + "break"
            assert BREAK.fullmatch(pause.get("time") or "")
    assert "".join(ET.fromstring(speech.ssml_prompt).itertext()) == speech.prompt
    assert speech.prompt.startswith(brand)


@pytest.mark.parametrize("code", ["49381\N{ARABIC-INDIC DIGIT SEVEN}", "49 817", "", "²²²²²²"])
def test_what_is_no_code_is_not_spoken_and_not_shown(code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        spoken(BRAND, "fr", code=code)

    assert not code or code not in str(refused.value)


def test_nothing_shows_what_is_said() -> None:
    speech = spoken(BRAND, "en", code="493817")
    call = VoiceCall(to=PhoneNumber.parse("+41223723311"), speech=speech, idempotency_key="1")

    assert "four" not in repr(call) + repr(speech)
    assert "3723311" not in repr(call)


def test_a_message_that_says_two_codes_is_none() -> None:
    assert heard("Your code is: four, nine. I repeat: four, eight.", "en") is None
    assert heard("Good morning.", "en") is None


# --- Gateways that call nobody -------------------------------------------------------------------


class Refusing:
    async def call(self, call: VoiceCall) -> None:
        raise NotDelivered("the line is busy")


async def test_the_outbox_keeps_the_promises_of_a_voice_gateway() -> None:
    voice = OutboxVoice(clock=FakeClock())

    await check_voice(
        voice,
        placed=lambda: [(str(call.to), call.speech.prompt, call.speech.message) for call in voice.outbox],
        refusing=Refusing(),
    )


async def test_the_outbox_hears_the_code_and_shows_it_to_nobody() -> None:
    voice = OutboxVoice()
    speech = spoken(BRAND, "rm", code="493817")

    await voice.call(VoiceCall(to=PhoneNumber.parse("+41223723311"), speech=speech, idempotency_key="1"))

    assert voice.outbox[0].code == "493817"
    assert "quatter" not in repr(voice.outbox)


async def test_the_log_shows_what_is_said_before_and_after_the_key() -> None:
    shown: list[str] = []
    voice = LogVoice(write=shown.append)
    speech = spoken(BRAND, "en", code="493817")
    call = VoiceCall(to=PhoneNumber.parse("+41223723311"), speech=speech, idempotency_key="1")

    await voice.call(call)
    await voice.call(call)

    assert len(shown) == 1
    assert "Call to +41223723311" in shown[0]
    assert shown[0].index("press any key") < shown[0].index("four, nine, three; eight, one, seven")


async def test_the_log_writes_to_standard_error_and_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    speech = spoken(BRAND, "en", code="493817")

    await LogVoice().call(VoiceCall(to=PhoneNumber.parse("+41223723311"), speech=speech, idempotency_key="1"))

    assert "eight" in capsys.readouterr().err
