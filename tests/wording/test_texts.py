"""Texts of a host's own: what is refused, what is said in their place, and what nothing can break."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome import Organisation
from hugathome.errors import ConfigurationError
from hugathome.roles import Language
from hugathome.testing import FakeHugAtHome
from hugathome.wording.gsm7 import septets
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.origin_bound import OriginBoundCode, parse_origin_bound
from hugathome.wording.templates import PLACES, TextKind, findings, places_of
from hugathome.wording.texts import Texts
from hugathome.wording.wordings import WORDINGS

SITE = "https://telemedecine.example.ch/visit"
PLACED = {
    "when": "Monday",
    "word": "oignon",
    "link": f"{SITE}/j/Ab3_-dE9xYz",
    "code": "493817",
    "phone": "144",
    "brand": "HUG@home",
}


def refusal(kind: str, template: str, *, language: str = "fr") -> str:
    """Return what is said of one template that is refused."""
    with pytest.raises(ConfigurationError) as refused:
        Texts({language: {kind: template}})
    return str(refused.value)


# --- The library's own --------------------------------------------------------------------------------


def test_the_librarys_texts_are_complete_and_keep_the_rules_of_every_host() -> None:
    assert set(WORDINGS) == set(Language)
    assert [set(texts) for texts in WORDINGS.values()] == [set(TextKind)] * len(Language)
    assert list(findings(WORDINGS)) == []
    assert all(
        places_of(text) == (PLACES[kind] | {"brand"} if kind is not TextKind.HELP else PLACES[kind])
        for texts in WORDINGS.values()
        for kind, text in ((TextKind(kind), text) for kind, text in texts.items())
    )


# --- What is said -------------------------------------------------------------------------------------


def test_a_host_says_what_it_has_said_and_the_library_the_rest_in_the_same_language() -> None:
    texts = Texts({"de": {"help": "Fragen: {phone}"}, "rm": {"code": "{code} è Voss code dal spital."}})

    said = {one: texts.says(TextKind.HELP, one, {"phone": "144"}) for one in Language}

    assert said == {
        "fr": "Aide: 144",
        "de": "Fragen: 144",
        "it": "Aiuto: 144",
        "rm": "Agid: 144",
        "en": "Help: 144",
    }
    assert texts.says(TextKind.CODE, "rm", PLACED) == "493817 è Voss code dal spital."
    assert texts.says(TextKind.CODE, "de", PLACED) == Texts().says(TextKind.CODE, "de", PLACED)


def test_an_organisation_goes_before_its_deployment() -> None:
    deployment = Texts({"de": {"help": "Zentrale: {phone}"}, "fr": {"help": "Centrale: {phone}"}})
    own = Texts({"de": {"help": "Augenklinik: {phone}"}}).over(deployment)

    said = [own.says(TextKind.HELP, one, {"phone": "144"}) for one in ("de", "fr", "en")]

    assert said == ["Augenklinik: 144", "Centrale: 144", "Help: 144"]


def test_texts_are_kept_as_they_were_given() -> None:
    given_texts = {"fr": {"help": "Questions: {phone}"}}
    texts = Texts(given_texts)

    given_texts["fr"]["help"] = "@evil.example #{phone}"

    assert texts.says(TextKind.HELP, "fr", {"phone": "144"}) == "Questions: 144"


@pytest.mark.parametrize("kind", TextKind)
def test_what_is_put_in_is_not_looked_at_for_places(kind: TextKind) -> None:
    text = Texts().says(kind, "en", {**PLACED, "brand": "{code}", "phone": "{link}"})

    assert (PLACED["link"] in text) == ("link" in PLACES[kind])


# --- What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "template", "why"),
    [
        ("code", "{code} de {brand} #1", "# and a word that begins with @ mark the line of a code"),
        ("code", "{code}\n@evil.example", "# and a word that begins with @"),
        ("call", "@evil\n{link}", "# and a word that begins with @"),
        ("code", "{code}\r@evil", "U+000D is a control character: leave it out"),
        ("code", "{code} bientôt", '"ô" is not in GSM-7'),
        ("code", "{code} bientôt", 'write "sous peu" for "bientôt"'),
        ("code", "{code} l’ami", "write '"),
        ("code", "{code}\u202eami", "U+202E is not in GSM-7"),
        ("code", "Votre code: {code}", "it does not open with the code"),
        ("code", "{code}{brand}", "it does not open with the code"),
        ("code", "{code}000 est votre code", "it does not open with the code"),
        ("code", "{code} est à vous ", "it begins or ends with white space"),
        ("code", "{code} est à vous\n", "it begins or ends with white space"),
        ("code", "Un code vous parvient.", "{code} is missing"),
        ("code", "{code} pour {name}", "{name} is no place of this message: take {brand}, {code}"),
        ("code", "{code} {link}", "{link} is no place of this message"),
        ("code", "{code!r} {code}", "a brace marks no place"),
        ("code", "{code} {brand.__class__}", "a brace marks no place"),
        ("code", "{code} {0}", "a brace marks no place"),
        ("code", "{code} {{brand}}", "a brace marks no place"),
        ("call", "Ouvrez {link}.", "the link shares its line"),
        ("call", "Ouvrez:\n{link}.", "the link shares its line"),
        ("phone_invitation", "Nous appelons et dirons {word}.", "{when} is missing"),
        ("phone_invitation", "Nous appelons {when}.", "{word} is missing"),
        ("help", "", "there is no text"),
        ("help", " \n", "there is no text"),
        ("helpp", "Aide: {phone}", "no kind of message: take one of invitation, "),
    ],
)
def test_a_template_that_could_break_a_message_is_refused(kind: str, template: str, why: str) -> None:
    said = refusal(kind, template)

    assert said.startswith(f"texts= fr, {kind}: ")
    assert why in said


def test_a_language_that_the_library_does_not_write_is_refused() -> None:
    said = refusal("help", "Ayuda: {phone}", language="es")

    assert said == "texts= es: no language of this library: take one of fr, de, it, rm, en"


def test_a_brand_that_one_language_says_and_another_does_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^texts= de, code: \{brand\} is missing, which fr has"):
        Texts({"fr": {"code": "{code} pour {brand}"}, "de": {"code": "{code} ist Ihr Code"}})


def test_the_first_of_several_reasons_is_told_and_how_many_more_there_are() -> None:
    assert refusal("code", "«Code» {brand}").endswith("(and 3 more)")


@pytest.mark.parametrize("own", [5, ["fr"], {"fr": 5}, {"fr": {"code": 5}}, {"fr": {"code": None}}, {5: {}}])
def test_what_are_no_templates_at_all_is_refused(own: object) -> None:
    with pytest.raises(ConfigurationError, match="texts="):
        Texts(own)  # type: ignore[arg-type]


# --- What nothing can break ---------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["{code}", "{brand}", "{link}", "{when}", "{word}", "\n", " ", "@", "#", "a", "1", "{", "}", "é", "\r"]
)


@given(
    kind=st.sampled_from([kind for kind in TextKind if kind is not TextKind.HELP]),
    pieces=st.lists(PIECES | st.characters(), max_size=12),
    brand=st.text("HUG@#1 {}", min_size=1, max_size=10),
)
def test_no_template_that_is_accepted_breaks_the_line_of_a_code_or_forges_one(
    kind: TextKind, pieces: list[str], brand: str
) -> None:
    opening = "{code} " if "code" in PLACES[kind] else ""
    endings = {"link": "\n{link}", "when": " {when}", "word": " {word}"}
    ending = "".join(endings[name] for name in endings if name in PLACES[kind])
    try:
        texts = Texts({"fr": {kind: opening + "".join(pieces) + ending}})
        letterhead = Letterhead(brand=brand, site=SITE, help_phone="144", texts=texts)
    except ConfigurationError:
        return
    needed = {name: PLACED[name] for name in PLACES[kind]}

    text = letterhead.write(kind, "fr", **needed)

    bound = OriginBoundCode(host="telemedecine.example.ch", code="493817")
    assert parse_origin_bound(text) == (bound if "code" in PLACES[kind] else None)
    assert septets(text) is not None
    assert len(re.findall(r"(?<!\S)@", text)) == ("code" in PLACES[kind])


# --- Whose texts they are -----------------------------------------------------------------------------


async def test_an_organisation_writes_in_its_own_words_and_else_in_its_deployments() -> None:
    own = {"phone_invitation_now": "{brand}: on appelle et dit {word}.", "help": "Une question? {phone}"}
    async with FakeHugAtHome(
        texts=Texts({"fr": {"help": "Centrale: {phone}"}}),
        organisations={"eyes": Organisation(texts=Texts({"fr": own})), "heart": Organisation()},
        help_phone="144",
    ) as hug:
        eyes, heart = (hug.house(name).letterhead for name in ("eyes", "heart"))

    kind = TextKind.PHONE_INVITATION_NOW
    assert eyes.write(kind, "fr", word="oignon") == "HUG@home: on appelle et dit oignon.\nUne question? 144"
    assert heart.write(kind, "fr", word="oignon").endswith("\nCentrale: 144")
    assert heart.write(kind, "en", word="onion").endswith("\nHelp: 144")
