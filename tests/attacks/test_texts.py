"""What is in the SMS: a code and its line in one segment, and nothing that a name could add to it."""

import pytest

from hugathome import ConfigurationError, OneTimeCodes
from hugathome.policy import CodePolicy
from hugathome.roles import Language
from hugathome.sms import OutboxSms
from hugathome.stores.memory import MemoryCodes
from hugathome.wording.gsm7 import septets
from hugathome.wording.origin_bound import parse_origin_bound

HOSTS = [
    "hug.ch",
    "teleconsultation.example.ch",
    "a-very-long-name-of-a-hospital.teleconsultation.example.ch",
]


def opened(brand: str, host: str, sms: OutboxSms) -> OneTimeCodes:
    return OneTimeCodes(
        key=bytes(range(32)),
        store=MemoryCodes(),
        sms=sms,
        site=f"https://{host}/visit",
        brand=brand,
        policy=CodePolicy(digits=8),
    )


def with_the_longest_brand(host: str, sms: OutboxSms) -> OneTimeCodes:
    for length in range(160, 0, -1):
        try:
            return opened("H" * length, host, sms)
        except ConfigurationError:
            continue
    raise AssertionError("no brand is short enough")


@pytest.mark.parametrize("host", HOSTS)
async def test_a43_a_code_and_its_line_are_one_segment_in_every_language(host: str) -> None:
    sms = OutboxSms()
    codes = with_the_longest_brand(host, sms)

    for language in Language:
        await codes.send("+41791234567", subject="u-1", purpose="log-in", language=language)

    lengths = [septets(sent.text) or 1000 for sent in sms.outbox]
    assert len(lengths) == len(Language)
    assert max(lengths) == 160
    for sent in sms.outbox:
        line = parse_origin_bound(sent.text)
        assert line is not None
        assert line.host == host
        assert sent.text.startswith(line.code)


@pytest.mark.parametrize(
    "brand",
    [
        "HUG\n@evil.example #123456",
        "HUG\r\n@evil",
        "HUG\u2028@evil",
        "HUG @evil #1",
        "@evil",
        "#1",
        "HUG\x00",
        "",
    ],
    ids=ascii,
)
def test_a44_a_brand_that_would_forge_a_line_is_refused(brand: str) -> None:
    with pytest.raises(ConfigurationError):
        opened(brand, "www.example.ch", OutboxSms())


@pytest.mark.parametrize("host", ["evil.example #1", "evil.example\n@x", "www.example.ch@evil.example", ""])
def test_a44_a_site_that_would_forge_a_line_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError):
        opened("HUG@home", host, OutboxSms())
