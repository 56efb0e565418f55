"""What a host's own tests import: the product in memory, robots, and checks for parts that a host writes."""

from hugathome.testing.attacks import CodeService, OpenCodes, attack_codes
from hugathome.testing.check_channel import check_channel
from hugathome.testing.check_log import check_log
from hugathome.testing.check_room import check_room
from hugathome.testing.check_sms import check_sms
from hugathome.testing.check_store import check_store
from hugathome.testing.check_transport import check_transport
from hugathome.testing.check_voice import check_voice
from hugathome.testing.clock import FakeClock
from hugathome.testing.conformance import ConformanceFailure
from hugathome.testing.fake import FakeHugAtHome
from hugathome.testing.network import Network
from hugathome.testing.outbox import Outbox, ReceivedSms
from hugathome.testing.robot import Robot, meet
from hugathome.testing.site import HttpSite, MemorySite, Site, Way
from hugathome.transports.memory import MemoryTransport, memory_pair

__all__ = [
    "CodeService",
    "ConformanceFailure",
    "FakeClock",
    "FakeHugAtHome",
    "HttpSite",
    "MemorySite",
    "MemoryTransport",
    "Network",
    "OpenCodes",
    "Outbox",
    "ReceivedSms",
    "Robot",
    "Site",
    "Way",
    "attack_codes",
    "check_channel",
    "check_log",
    "check_room",
    "check_sms",
    "check_store",
    "check_transport",
    "check_voice",
    "meet",
    "memory_pair",
]
