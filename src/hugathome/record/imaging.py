"""What an expert is asked to look at, and from where: a study of images, the sites, and their territories.

A study is referred to and never carried: its identifiers, and where a DICOMweb server (DICOM PS3.18) has it.
Whoever opens it authenticates there; nothing here fetches anything. Who is asked first follows from how near
their territory is: `sorted(sites, key=lambda site: nearness(requesting.territory, site.territory))`.
"""

import re
from enum import IntEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from hugathome._model import Record, ShortText
from hugathome.errors import InvalidInput
from hugathome.privacy import Personal, Shown
from hugathome.roles import ParticipantId

MOST_KEY_IMAGES: Final = 64
"""Images that somebody is pointed to; whoever needs more looks at the study."""

_ROOT = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")
"""No user and password before the host, no query and no fragment: what is not here is refused."""


def _root(address: str) -> str:
    """Return the root of a DICOMweb server without a slash at its end, or refuse."""
    if not _ROOT.fullmatch(address) or not _is_port(address):
        raise InvalidInput("a DICOMweb root is https, without credentials, query or fragment")
    return address.rstrip("/")


def _is_port(address: str) -> bool:
    try:
        return urlsplit(address).port != 0
    except ValueError:  # beyond 65535
        return False


Uid = Annotated[str, StringConstraints(max_length=64, pattern=r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*$")]
"""A unique identifier of DICOM: PS3.5 section 9.1."""

AccessionNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\\\x00-\x1f\x7f]{1,16}$")
]
"""What the radiology's own system calls the examination: a short string of PS3.5 section 6.2."""

ImagingModality = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,15}$")]
"""A code such as CT, MR or US; PS3.3 section C.7.3.1.1.1 lists more with every edition."""

DicomWebRoot = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_root)]
"""Where a DICOMweb server begins; the studies are below it."""


class KeyImage(Record):
    """One image of a study that matters."""

    series_uid: Personal[Uid] = Field(repr=False)
    instance_uid: Personal[Uid] = Field(repr=False)


class ImagingStudyRef(Record):
    """A study of images that is looked at elsewhere; the words are those of FHIR's ImagingStudy."""

    study_uid: Personal[Uid] = Field(repr=False)
    accession_number: Personal[AccessionNumber | None] = Field(default=None, repr=False)
    modality: Personal[ImagingModality]
    """With what the images were taken; how a visit is held is another thing of this name."""
    dicomweb: Personal[DicomWebRoot | None] = Field(default=None, repr=False)
    key_images: Annotated[tuple[KeyImage, ...], Field(max_length=MOST_KEY_IMAGES)] = Field(
        default=(), repr=False
    )

    @property
    def address(self) -> str | None:
        """Where the study is retrieved (PS3.18 section 10.4), if a server is named."""
        return None if self.dicomweb is None else f"{self.dicomweb}/studies/{self.study_uid}"

    def address_of(self, image: KeyImage) -> str | None:
        """Return where one image is retrieved, if a server is named."""
        study = self.address
        return study and f"{study}/series/{image.series_uid}/instances/{image.instance_uid}"


# --- Where the people are ---------------------------------------------------------------------------


class Territory(Record):
    """Where a site is: the smaller, the nearer. Names are the host's own, and unique within a nation."""

    territory: Shown[ShortText | None] = None
    """Hospitals that work together, such as a French groupement hospitalier de territoire."""
    department: Shown[ShortText | None] = None
    region: Shown[ShortText | None] = None
    nation: Shown[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]]
    """ISO 3166-1, such as `CH`."""


class Site(Record):
    """Where somebody works who asks an expert, or is one."""

    name: Shown[ShortText]
    id: Shown[ParticipantId | None] = None
    """What the host calls it."""
    territory: Territory | None = None


class Nearness(IntEnum):
    """The smallest thing that two places share; what is nearer is less."""

    TERRITORY = 0
    DEPARTMENT = 1
    REGION = 2
    NATION = 3
    ELSEWHERE = 4
    """In another nation, or nobody knows where."""


def nearness(one: Territory | None, other: Territory | None) -> Nearness:
    """Return how near two places are; what is not known of either is not shared."""
    if one is None or other is None or one.nation != other.nation:
        return Nearness.ELSEWHERE
    levels = (
        (one.territory, other.territory, Nearness.TERRITORY),
        (one.department, other.department, Nearness.DEPARTMENT),
        (one.region, other.region, Nearness.REGION),
    )
    shared = (level for here, there, level in levels if here is not None and here == there)
    return next(shared, Nearness.NATION)
