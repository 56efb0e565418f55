"""Gateways that take text messages: for tests, for development, and any that speaks JSON."""

from hugathome.sms.http import HttpSms
from hugathome.sms.log import LogSms
from hugathome.sms.outbox import OutboxSms, SentSms

__all__ = ["HttpSms", "LogSms", "OutboxSms", "SentSms"]
